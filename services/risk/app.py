"""Composition root of risk: routes, the subscriptions, and the evaluator, in one view."""

from services.risk.api import make_router
from services.risk.api.edge import Front
from services.risk.evaluation.requests import decide_requests
from services.risk.handlers.claim import let_go, take_over
from services.risk.handlers.fold import Scope, fold_batch, fold_surveys
from services.risk.handlers.letters import keep_dead_letter, restore
from services.risk.handlers.preview import show_touched
from services.risk.handlers.reckoning import note_planned
from services.risk.settings import RiskSettings
from services.risk.store.tables import HOUSE, METADATA, MORGUE
from services.risk.workers import evaluator, gauges, housekeeping, reckoning
from shared.db.port import Database, Tx
from shared.events.base import Topic
from shared.events.feedback import SurveyAnswered, SurveyInvited, VerdictGiven
from shared.events.notify import AcknowledgementRequested, AlertPlanned
from shared.runtime.bell import Bell
from shared.runtime.dispatch import Handle, by_type
from shared.runtime.letters import add_dead_letter_routes
from shared.runtime.replaying import LetterDesk
from shared.runtime.service import Batch, Platform, Service, Subscription

__all__ = ["METADATA", "build"]


def build(settings: RiskSettings, platform: Platform, database: Database) -> Service:
    """Compose risk on a platform and its own database; opens nothing and asks nothing."""
    scope = Scope(platform.owner, platform.partitions)
    evaluate, relay = Bell(), Bell()
    moved: set[str] = set()
    router = make_router(Front(database, platform, settings, scope, evaluate, relay))

    def anew() -> tuple[Subscription, ...]:
        return _subscriptions(Scope(platform.owner, platform.partitions), evaluate)

    add_dead_letter_routes(router, LetterDesk(database, MORGUE, platform.owner, relay, anew, restore, show_touched))
    return Service(
        name="risk",
        router=router,
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=_subscriptions(scope, evaluate),
        workers=(
            evaluator(database, scope, evaluate, relay, settings.evaluate_poll_s, moved),
            gauges(database, scope, moved, settings),
            reckoning(database),
            housekeeping(database, platform.clock),
        ),
        publishes=(Topic.RISK, Topic.RISK_DEAD_LETTERS),
    )


def _subscriptions(scope: Scope, evaluate: Bell) -> tuple[Subscription, ...]:
    return (_intake(scope, evaluate), _notify(scope), _feedback(scope, evaluate))


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


def _notify(scope: Scope) -> Subscription:
    handle = by_type("risk", {_deciding(scope): (AcknowledgementRequested,), note_planned: (AlertPlanned,)})
    return Subscription(Topic.NOTIFY, handle, keep_dead_letter)


def _feedback(scope: Scope, evaluate: Bell) -> Subscription:
    async def fold(tx: Tx, batch: Batch) -> None:
        await fold_surveys(tx, batch, scope)

    def after_commit(_batch: Batch) -> None:
        evaluate.ring()

    handle = by_type("risk", {_deciding(scope): (VerdictGiven,), fold: (SurveyInvited, SurveyAnswered)})
    return Subscription(Topic.FEEDBACK, handle, keep_dead_letter, after_commit=after_commit)


def _deciding(scope: Scope) -> Handle:
    async def decide(tx: Tx, batch: Batch) -> None:
        await decide_requests(tx, batch, scope.partitions)

    return decide
