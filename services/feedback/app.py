"""Composition root of feedback: routes, subscriptions and workers, in one view."""

from services.feedback.api import make_router
from services.feedback.api.edge import Front
from services.feedback.handlers import consume
from services.feedback.handlers.desk import Desk
from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE, METADATA, MORGUE
from services.feedback.workers import workers
from shared.db.port import Database, Tx
from shared.events.base import Topic
from shared.events.contacts import ContactPut
from shared.events.facts import FactCorrected, LoanClosed
from shared.events.intake import BookDayClosed, BookOpened
from shared.events.risk import AlertRequestDecided, AlertRevised, LoanArrearsCured
from shared.runtime.bell import Bell
from shared.runtime.dispatch import by_type
from shared.runtime.letters import add_dead_letter_routes
from shared.runtime.replaying import LetterDesk
from shared.runtime.service import Batch, Platform, Service, Subscription

__all__ = ["METADATA", "build"]


def build(settings: FeedbackSettings, platform: Platform, database: Database) -> Service:
    """Compose feedback on a platform and its own database; opens nothing and asks nothing."""
    invite, relay = Bell(), Bell()
    desk = Desk(platform.partitions, settings.rules())
    router = make_router(Front(database, platform, settings, settings.links(), desk, relay))
    subscriptions = _subscriptions(desk, invite)
    add_dead_letter_routes(router, LetterDesk(database, MORGUE, platform.owner, relay, lambda: subscriptions))
    return Service(
        name="feedback",
        router=router,
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=subscriptions,
        workers=workers(database, desk, invite, relay, settings.survey_poll_s),
        publishes=(Topic.FEEDBACK, Topic.FEEDBACK_DEAD_LETTERS),
    )


def _subscriptions(desk: Desk, invite: Bell) -> tuple[Subscription, ...]:
    async def note_loans_closed(tx: Tx, batch: Batch) -> None:
        await consume.note_loans_closed(tx, batch, desk)

    async def note_cures(tx: Tx, batch: Batch) -> None:
        await consume.note_cures(tx, batch, desk)

    def after_commit(_batch: Batch) -> None:
        invite.ring()

    intake = by_type(
        "feedback",
        {
            consume.note_books: (BookOpened,),
            consume.note_closes: (BookDayClosed,),
            note_loans_closed: (LoanClosed, FactCorrected),
        },
    )
    risk = by_type(
        "feedback",
        {
            consume.note_alerts: (AlertRevised,),
            consume.note_decisions: (AlertRequestDecided,),
            note_cures: (LoanArrearsCured,),
        },
    )
    contacts = by_type("feedback", {consume.note_contacts: (ContactPut,)})
    return (
        Subscription(Topic.INTAKE, intake, consume.keep_dead_letter, after_commit=after_commit),
        Subscription(Topic.RISK, risk, consume.keep_dead_letter, after_commit=after_commit),
        Subscription(Topic.CONTACTS, contacts, consume.keep_dead_letter),
    )
