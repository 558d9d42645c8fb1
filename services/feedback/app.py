"""Composition root of feedback: routes, subscriptions and workers, in one view."""

from services.feedback.api import make_router
from services.feedback.api.edge import Front
from services.feedback.handlers.consume import keep_dead_letter, take_contacts, take_intake, take_risk
from services.feedback.handlers.desk import Desk
from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE, METADATA
from services.feedback.workers import workers
from shared.db.port import Database, Tx
from shared.events.base import Topic
from shared.runtime.bell import Bell
from shared.runtime.service import Batch, Platform, Service, Subscription

__all__ = ["METADATA", "build"]


def build(settings: FeedbackSettings, platform: Platform, database: Database) -> Service:
    """Compose feedback on a platform and its own database; opens nothing and asks nothing."""
    invite, relay = Bell(), Bell()
    desk = Desk(platform.partitions, settings.rules())
    return Service(
        name="feedback",
        router=make_router(Front(database, platform, settings, settings.links(), desk, relay)),
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=_subscriptions(desk, invite),
        workers=workers(database, desk, invite, relay, settings.survey_poll_s),
        publishes=(Topic.FEEDBACK, Topic.FEEDBACK_DEAD_LETTERS),
    )


def _subscriptions(desk: Desk, invite: Bell) -> tuple[Subscription, ...]:
    async def intake(tx: Tx, batch: Batch) -> None:
        await take_intake(tx, batch, desk)

    async def risk(tx: Tx, batch: Batch) -> None:
        await take_risk(tx, batch, desk)

    async def contacts(tx: Tx, batch: Batch) -> None:
        await take_contacts(tx, batch)

    def after_commit(_batch: Batch) -> None:
        invite.ring()

    return (
        Subscription(Topic.INTAKE, intake, keep_dead_letter, after_commit=after_commit),
        Subscription(Topic.RISK, risk, keep_dead_letter, after_commit=after_commit),
        Subscription(Topic.CONTACTS, contacts, keep_dead_letter),
    )
