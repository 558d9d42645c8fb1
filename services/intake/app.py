"""Composition root of intake: routes, the subscription to `tocsin.facts`, and what they work with, in one view."""

from datetime import date

from services.intake import metrics
from services.intake.api import make_router
from services.intake.api.edge import Front
from services.intake.api.together import Together
from services.intake.handlers.consume import keep_undigestible, take_records
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import Bounds
from services.intake.settings import IntakeSettings
from services.intake.store.tables import HOUSE, METADATA
from services.intake.workers import Housekeeping, Measuring
from shared.db.port import Database, Tx
from shared.db.room import Room
from shared.events.base import Topic
from shared.log.port import Record
from shared.runtime.bell import Bell
from shared.runtime.service import Batch, Platform, Service, Subscription, Worker

__all__ = ["METADATA", "build"]


def build(settings: IntakeSettings, platform: Platform, database: Database) -> Service:
    """Compose intake on a platform and its own database; opens nothing and asks nothing."""
    bounds = Bounds(settings.max_fact_bytes, date(settings.latest_forecast_year, 12, 31))
    room = Room(settings.outbox_rows_max)
    desk = Desk(HOUSE, bounds, platform.partitions, room)
    bell = Bell()
    together = Together(database, desk, platform.clock, bell, settings.transaction_facts)
    front = Front(database, desk, platform.clock, settings, bell, together)
    return Service(
        name="intake",
        router=make_router(front),
        database=database,
        house=HOUSE,
        wake_relay=bell,
        subscriptions=(_facts(desk, platform),),
        workers=(
            Worker("housekeeping", Housekeeping(database, desk, platform.clock).run),
            Worker("measuring", Measuring(database, platform.clock).run),
        ),
        publishes=(Topic.INTAKE, Topic.CONTACTS),
        room=room,
    )


def _facts(desk: Desk, platform: Platform) -> Subscription:
    counted: dict[int, list[tuple[str, str]]] = {}

    async def handle(tx: Tx, batch: Batch) -> None:
        outcomes = await take_records(tx, desk, batch.records, platform.clock.now())
        counted[batch.partition] = [(one.outcome, one.reasons[0] if one.reasons else "") for one in outcomes]

    async def dead_letter(tx: Tx, record: Record, error: Exception) -> None:
        await keep_undigestible(tx, record, error, platform.clock.now())

    def after_commit(batch: Batch) -> None:
        metrics.count_facts("topic", counted.pop(batch.partition, ()))

    async def claimed(tx: Tx, partition: int, epoch: int) -> None:
        await desk.fix_lanes(tx)

    return Subscription(Topic.FACTS, handle, dead_letter, claimed, after_commit)
