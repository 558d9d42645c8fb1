"""Composition root of risk: routes, the subscription to intake's topic, and the evaluator, in one view."""

from services.risk.api import make_router
from services.risk.api.edge import Front
from services.risk.handlers.claim import let_go, take_over
from services.risk.handlers.fold import Scope, fold_batch
from services.risk.handlers.letters import keep_dead_letter
from services.risk.settings import RiskSettings
from services.risk.store.tables import HOUSE, METADATA
from services.risk.workers import evaluator, housekeeping
from shared.db.port import Database, Tx
from shared.events.base import Topic
from shared.runtime.bell import Bell
from shared.runtime.service import Batch, Platform, Service, Subscription

__all__ = ["METADATA", "build"]


def build(settings: RiskSettings, platform: Platform, database: Database) -> Service:
    """Compose risk on a platform and its own database; opens nothing and asks nothing."""
    scope = Scope(platform.owner, platform.partitions)
    evaluate, relay = Bell(), Bell()
    return Service(
        name="risk",
        router=make_router(Front(database, platform, settings, scope, evaluate, relay)),
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=(_intake(scope, evaluate),),
        workers=(
            evaluator(database, scope, evaluate, relay, settings.evaluate_poll_s),
            housekeeping(database, platform.clock),
        ),
        publishes=(Topic.RISK, Topic.RISK_DEAD_LETTERS),
    )


def _intake(scope: Scope, evaluate: Bell) -> Subscription:
    async def handle(tx: Tx, batch: Batch) -> None:
        await fold_batch(tx, batch, scope)

    async def claimed(tx: Tx, partition: int, _epoch: int) -> None:
        await take_over(tx, partition, scope)

    def released(partition: int) -> None:
        let_go(partition, scope)

    def after_commit(_batch: Batch) -> None:
        evaluate.ring()

    return Subscription(
        topic=Topic.INTAKE,
        handle=handle,
        dead_letter=keep_dead_letter,
        claimed=claimed,
        after_commit=after_commit,
        released=released,
    )
