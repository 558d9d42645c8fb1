"""Composition root of notify: routes, subscriptions and workers, in one view."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.notify.api import make_router
from services.notify.api.edge import Front
from services.notify.handlers.answering import answer_dismissed
from services.notify.handlers.desk import Desk
from services.notify.handlers.inviting import take_contacts, take_invitations
from services.notify.handlers.telling import tell_alerts
from services.notify.senders import ChannelsWrong, Sender, open_senders
from services.notify.settings import NotifySettings
from services.notify.store.tables import HOUSE, METADATA, MORGUE
from services.notify.wording import TemplatesWrong, Wordings
from services.notify.workers import make_workers
from shared.db.letters import DeadLetter, bury, why_of
from shared.db.port import Database, Tx
from shared.events.base import Topic
from shared.log.port import Record
from shared.runtime.bell import Bell
from shared.runtime.letters import add_dead_letter_routes
from shared.runtime.replaying import LetterDesk
from shared.runtime.service import Batch, Platform, Service, Subscription
from shared.runtime.settings import SettingsWrong

__all__ = ["METADATA", "build"]

Take = Callable[[Tx, Sequence[Record]], Awaitable[None]]


def build(settings: NotifySettings, platform: Platform, database: Database) -> Service:
    """Compose notify on a platform and its own database; asks nothing of anybody. SettingsWrong when a channel or a
    template cannot be used."""
    relay, composing = Bell(), Bell()
    links, (senders, wordings) = settings.links(), _means(settings)
    sending = {channel: Bell() for channel in senders}
    desk = Desk(settings, links, wordings, platform.owner, platform.partitions, frozenset(senders))
    front = Front(database, platform, settings, links, relay, desk, wordings, composing, tuple(sending.values()))

    async def tell(tx: Tx, records: Sequence[Record]) -> None:
        await tell_alerts(tx, records, desk)

    subscriptions = (
        _subscription(Topic.RISK, tell, composing),
        _subscription(Topic.FEEDBACK, take_invitations, composing),
        _subscription(Topic.CONTACTS, take_contacts, composing),
    )
    router = make_router(front)

    async def settled(tx: Tx, letter: DeadLetter) -> None:
        await answer_dismissed(tx, desk, letter)

    add_dead_letter_routes(router, LetterDesk(database, MORGUE, platform.owner, relay, lambda: subscriptions, settled))
    return Service(
        name="notify",
        router=router,
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=subscriptions,
        workers=make_workers(database, senders, desk, platform.clock, composing, sending),
        publishes=(Topic.NOTIFY, Topic.NOTIFY_DEAD_LETTERS),
    )


def _means(settings: NotifySettings) -> tuple[Mapping[str, Sender], Wordings]:
    """Return the channels and the templates; SettingsWrong tells all that is wrong with either."""
    wrong: list[str] = []
    try:
        senders = open_senders(settings)
    except ChannelsWrong as error:
        wrong += error.errors
    try:
        wordings = Wordings(settings.template_dir)
    except TemplatesWrong as error:
        wrong += [f"TOCSIN_TEMPLATE_DIR: {one}" for one in error.errors]
    if wrong:
        raise SettingsWrong(wrong)
    return senders, wordings


def _subscription(topic: Topic, take: Take, composing: Bell) -> Subscription:
    async def handle(tx: Tx, batch: Batch) -> None:
        await take(tx, batch.records)

    async def keep_dead_letter(tx: Tx, record: Record, error: Exception) -> None:
        await bury(tx, MORGUE, [(record, why_of(error))])

    def after_commit(_batch: Batch) -> None:
        composing.ring()

    return Subscription(topic, handle, keep_dead_letter, after_commit=after_commit)
