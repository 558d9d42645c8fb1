"""Notify at work in a test: records as they come from the log, real handlers and loops, channels that remember."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select

from services.notify.domain.delivery import Outcome, Outgoing, Report
from services.notify.domain.provisioning import parse
from services.notify.handlers.desk import Desk
from services.notify.handlers.inviting import take_contacts, take_invitations
from services.notify.handlers.keeping import Converged, converge
from services.notify.handlers.telling import tell_alerts
from services.notify.settings import NotifySettings
from services.notify.store.messages import AttemptRow, MessageRow
from services.notify.store.notices import NoticeRow
from services.notify.store.tables import ATTEMPT, MESSAGE, NOTICE
from services.notify.wording import Wordings
from services.notify.workers import ComposerLoop, Housekeeping, SenderLoop
from shared.clock import FrozenClock
from shared.db.port import Database
from shared.events.base import Message
from shared.events.contacts import Consent, ContactPoint, ContactPut
from shared.events.envelope import Envelope, to_headers
from shared.events.feedback import SurveyInvited
from shared.events.risk import AlertRevised
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.runtime.bell import Bell
from tests.support.compose import LINK_SECRETS

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
"""A Wednesday."""
ALERT = hashed_id("an alert")
CAUSE = hashed_id("its cause")
CHANNELS = frozenset({"email", "webhook", "inbox", "console"})

PEOPLE = """
people:
  anna: {name: Anna, roles: [credit_officer], email: anna@bank.example}
  bo: {name: Bo, language: zh, roles: [portfolio_manager], email: bo@bank.example}
teams:
  desk: {members: [anna, bo]}
endpoints:
  chat: {url: "https://chat.bank.example/hook", secrets: [whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]}
routes:
  red: {order: 1, match: {levels: [red]}, teams: [desk], endpoints: [chat], channels: [email, inbox]}
  owner: {order: 2, owner: true}
"""


class Recorder:
    """A channel that takes everything, until told otherwise."""

    def __init__(self, channel: str, repeats_dropped: bool = False) -> None:
        self.channel, self.repeats_dropped = channel, repeats_dropped
        self.sent: list[Outgoing] = []
        self.answers: dict[str, list[Report]] = {}
        """By destination, what to say next; after that everything is sent."""

    async def send(self, message: Outgoing) -> Report:
        """Take a message."""
        self.sent.append(message)
        waiting = self.answers.get(message.destination, [])
        return waiting.pop(0) if waiting else Report(Outcome.SENT, "taken")

    async def close(self) -> None:
        """Nothing is open."""


class House:
    """Notify on a database, driven by hand."""

    def __init__(self, database: Database, clock: FrozenClock, owner: str = "me", **settings: Any) -> None:
        self.database, self.clock = database, clock
        self.settings = NotifySettings(
            **{"link_secrets": LINK_SECRETS, "group_window_s": 0.0, "public_url": "https://tocsin.test", **settings}
        )
        links, words = self.settings.links(), Wordings(None)
        self.desk = Desk(self.settings, links, words, owner, 2, CHANNELS)
        self.bells = {channel: Bell() for channel in sorted(CHANNELS)}
        self.channels = {
            channel: Recorder(channel, repeats_dropped=channel in ("webhook", "inbox")) for channel in sorted(CHANNELS)
        }

    def other(self, owner: str = "heir", **settings: Any) -> "House":
        """Another process on the same database."""
        return House(self.database, self.clock, owner, **settings)

    async def people(self, text: str = PEOPLE) -> Converged:
        """Apply a provisioning file."""
        parsed = parse(text)
        assert parsed.provisioned is not None, parsed.errors
        async with self.database.transaction() as tx:
            return await converge(tx, parsed.provisioned)

    async def risk(self, *messages: Message, cause: str = CAUSE) -> None:
        """Let a batch of risk's topic come."""
        async with self.database.transaction() as tx:
            await tell_alerts(tx, [record(one, cause) for one in messages], self.desk)

    async def feedback(self, *messages: Message) -> None:
        """Let a batch of feedback's topic come."""
        async with self.database.transaction() as tx:
            await take_invitations(tx, [record(one, "C-1") for one in messages])

    async def contacts(self, *messages: ContactPut) -> None:
        """Let a batch of the contacts come."""
        async with self.database.transaction() as tx:
            await take_contacts(tx, [record(one, one.client) for one in messages])

    def composer(self) -> ComposerLoop:
        """Return the loop that composes."""
        return ComposerLoop(self.database, self.desk, Bell(), self.bells)

    def sender(self, channel: str) -> SenderLoop:
        """Return the loop that sends over a channel."""
        return SenderLoop(self.database, self.channels[channel], self.desk, self.clock, self.bells[channel])

    def housekeeping(self) -> Housekeeping:
        """Return the loop that reads the provisioning file."""
        return Housekeeping(self.database, self.desk)

    async def compose(self) -> int:
        """Compose what is due."""
        return await self.composer().compose_all()

    async def send(self, *channels: str) -> None:
        """Compose what is due and send it."""
        await self.compose()
        for channel in channels or self.channels:
            await self.sender(channel).send_all()

    async def notices(self) -> list[NoticeRow]:
        """Return all notices."""
        async with self.database.read() as tx:
            rows = await tx.rows(select(NOTICE).order_by(NOTICE.c.created_at, NOTICE.c.channel, NOTICE.c.recipient))
        return [NoticeRow(*row) for row in rows]

    async def messages(self) -> list[MessageRow]:
        """Return all messages."""
        async with self.database.read() as tx:
            rows = await tx.rows(
                select(MESSAGE).order_by(MESSAGE.c.created_at, MESSAGE.c.channel, MESSAGE.c.recipient, MESSAGE.c.id)
            )
        return [MessageRow(*row) for row in rows]

    async def attempts(self) -> list[AttemptRow]:
        """Return all attempts."""
        async with self.database.read() as tx:
            rows = await tx.rows(select(ATTEMPT).order_by(ATTEMPT.c.message, ATTEMPT.c.number))
        return [AttemptRow(*row) for row in rows]

    async def told(self) -> list[tuple[str, str, str, str]]:
        """Return (purpose, channel, recipient, reason) of all notices."""
        return [(one.purpose, one.channel, one.recipient, one.reason) for one in await self.notices()]


def record(message: Message, key: str) -> Record:
    """Return a message as it comes from the log."""
    body = msgspec.json.encode(message)
    headers = to_headers(Envelope(id=hashed_id(body), source="/tests", type=type(message).type, time=NOW))
    return Record(message.topic, 0, 0, key.encode(), headers, body, 0)


def alert(change: str = "opened", revision: int = 1, level: str = "red", **fields: Any) -> AlertRevised:
    """Return a revision of an alert."""
    values: dict[str, Any] = {
        "alert": ALERT,
        "revision": revision,
        "change": change,
        "state": {"closed": "closed", "withdrawn": "withdrawn"}.get(change, "open"),
        "level": "none" if change in ("closed", "withdrawn") else level,
        "provisional": False,
        "book": "auto",
        "indicator": "missed_payment_rate",
        "basis": "count",
        "segment": "portfolio",
        "direction": "above",
        "period_kind": "month",
        "opened_period": "2026-02",
        "period": "2026-02",
        "as_of": date(2026, 2, 28),
        "known_from": NOW,
        "policy": "demo",
        "policy_version": 1,
        "owner": "credit_officer",
        "sentence": "Missed payment rate of book auto reached 20.5 % in 2026-02.",
        "sentence_zh": "auto 账簿的逾期率在 2026-02 达到 20.5%。",
        **fields,
    }
    return AlertRevised(**values)


def survey(days: int = 14, **fields: Any) -> SurveyInvited:
    """Return an invitation."""
    values: dict[str, Any] = {
        "survey": hashed_id("a survey"),
        "book": "auto",
        "client": "C-1",
        "occasion": "loan_closed",
        "invited_on": date(2026, 3, 4),
        "expires_on": date(2026, 3, 18),
        "expires_at": NOW + timedelta(days=days),
        **fields,
    }
    return SurveyInvited(**values)


def contact(version: int = 1, given: bool = True, addresses: Sequence[str] = ("li@example.org",)) -> ContactPut:
    """Return a client's contact."""
    return ContactPut(
        book="auto",
        client="C-1",
        version=version,
        language="zh",
        name="Li (synthetic)",
        points=[ContactPoint(channel="email", address=address) for address in addresses],
        consents=[Consent(channel="email", purpose="survey", given=given, since=date(2026, 1, 1))],
    )
