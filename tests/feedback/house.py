"""A composed feedback and short ways to say what it is told."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from services.feedback.app import build
from services.feedback.handlers.desk import Desk
from services.feedback.handlers.inviting import decide_due
from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE
from shared.clock import FrozenClock
from shared.db import outbox
from shared.events.base import Message, Topic
from shared.events.contacts import Consent, ContactPoint, ContactPut
from shared.events.envelope import Envelope, to_headers
from shared.events.facts import FactCorrected, LoanClosed, RepaymentReceived
from shared.events.feedback import SurveyAnswered, SurveyInvited, VerdictGiven
from shared.events.intake import BookDayClosed, BookOpened
from shared.events.risk import AlertRequestDecided, AlertRevised, LoanArrearsCured
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.log.port import Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Batch, Platform
from shared.security.keys import KeyRing
from shared.security.links import Links
from shared.security.rights import RIGHTS
from tests.support.asgi import client_of
from tests.support.compose import LINK_SECRETS
from tests.support.databases import AnyDatabase

PARTITIONS = 2
NOW = datetime(2024, 6, 10, 12, tzinfo=UTC)
BOOK = "auto"
ALERT = "0a" * 16
CAUSE = "cause of the alert"
BODIES = {message.type: message for message in (VerdictGiven, SurveyInvited, SurveyAnswered)}

Told = tuple[str, str, Message]
"""(key, client, message)."""


class House:
    """Feedback on one database."""

    def __init__(self, database: AnyDatabase, clock: FrozenClock, folder: Path, **settings: Any) -> None:
        """Compose; settings are those that differ from the defaults."""
        self.database, self.clock = database, clock
        self.settings = FeedbackSettings(link_secrets=LINK_SECRETS, **settings)
        self.desk = Desk(PARTITIONS, self.settings.rules())
        platform = Platform(log=open_sqlite_log(None), clock=clock, partitions=PARTITIONS, owner="test")
        self.service = build(self.settings, platform, database)
        keys = KeyRing(folder / "keys.json")
        _, secret = keys.add("all", list(RIGHTS), "2020-01-01")
        self.app = make_app([self.service], keys, Health(), "test")
        self.client = client_of(self.app, secret)
        self.visitor = client_of(self.app)
        self.links: Links = self.settings.links()
        self._offsets: dict[tuple[str, int], int] = defaultdict(int)

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """Read under `/feedback/v1`."""
        return await self.client.get(f"/feedback/v1{path}", params=parameters)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post a JSON body under `/feedback/v1`."""
        return await self.client.post(f"/feedback/v1{path}", json=body, headers=headers)

    async def tell(self, topic: Topic, *told: Told, lane: int | None = None) -> None:
        """Digest messages, each in the lane of its key or all in one, one transaction per lane, as the runtime does."""
        by_lane: dict[int, list[Told]] = defaultdict(list)
        for one in told:
            by_lane[lane_of(one[0], PARTITIONS) if lane is None else lane].append(one)
        for number, messages in sorted(by_lane.items()):
            await self.digest(topic, number, [self.record(topic, number, one) for one in messages])

    async def digest(self, topic: Topic, lane: int, records: list[Record]) -> None:
        """Digest records in one transaction."""
        (subscription,) = (one for one in self.service.subscriptions if one.topic == topic)
        batch = Batch(topic, lane, 1, records)
        async with self.database.transaction() as tx:
            await subscription.handle(tx, batch)
        if subscription.after_commit is not None:
            subscription.after_commit(batch)

    def record(self, topic: Topic, lane: int, told: Told) -> Record:
        """Return a message as a record, next in its lane."""
        key, client, message = told
        offset = self._offsets[topic, lane]
        self._offsets[topic, lane] += 1
        envelope = Envelope(
            id=hashed_id(topic, lane, offset),
            source="/tests",
            type=message.type,
            time=self.clock.now(),
            book=BOOK,
            client=client,
            target=message.fact if isinstance(message, FactCorrected) else "",
        )
        return Record(topic, lane, offset, key.encode(), to_headers(envelope), msgspec.json.encode(message), 0)

    async def open_book(self, first_day: str = "2024-01-01") -> None:
        """Tell every lane of the book."""
        for lane in range(PARTITIONS):
            await self.tell(Topic.INTAKE, opened(first_day), lane=lane)

    async def close(self, *days: str) -> None:
        """Tell every lane of closes, and decide what is due then."""
        for lane in range(PARTITIONS):
            await self.tell(Topic.INTAKE, *(day_closed(day) for day in days), lane=lane)
        await self.decide()

    async def decide(self) -> int:
        """Decide on everything that is due."""
        decided = 0
        while True:
            async with self.database.transaction() as tx:
                count = await decide_due(tx, self.desk)
            if not count:
                return decided
            decided += count

    async def surveys(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return surveys as the API shows them."""
        answer = await self.get("/surveys", **wanted)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def outcomes(self) -> dict[tuple[str, str], str]:
        """Return (loan, occasion) -> the day of the invitation, or why there is none."""
        return {
            (one["loan"], one["occasion"]): one["reason"] or one["invited_on"] or one["state"]
            for one in await self.surveys(limit=500)
        }

    async def invited(self, loan: str = "L1", client: str = "C1") -> str:
        """Have a client invited because a loan was paid off; return the link's token."""
        await self.open_book()
        await self.tell(Topic.CONTACTS, contact(client))
        await self.tell(Topic.INTAKE, loan_closed(loan, client, "2024-06-03"))
        await self.close("2024-06-03")
        (survey,) = [one for one in await self.surveys(client=client) if one["state"] == "invited"]
        expires = datetime.fromisoformat(survey["expires_at"])
        return self.links.token("survey", survey["survey"], client, expires)

    async def sent(self) -> list[Message]:
        """Return what waits to leave on `tocsin.feedback`, lane by lane, in order."""
        found: list[Message] = []
        async with self.database.read() as tx:
            for lane in range(PARTITIONS):
                for _, record in await outbox.unsent(tx, HOUSE, Topic.FEEDBACK, lane, 10_000):
                    kind = dict(record.headers)["ce_type"].decode()
                    assert lane_of(record.key.decode(), PARTITIONS) == lane
                    found.append(msgspec.json.decode(record.value, type=BODIES[kind]))
        return found

    def alert_token(self, alert: str = ALERT, holder: str = "officer-7", lasts_s: int = 3_600) -> str:
        """Return the token of a staff member's link."""
        return self.links.token("alert", alert, holder, self.clock.now() + timedelta(seconds=lasts_s))


def opened(first_day: str = "2024-01-01") -> Told:
    """A book is opened."""
    message = BookOpened(
        book=BOOK,
        base_currency="EUR",
        time_zone="UTC",
        calendar="WEEKENDS",
        first_day=date.fromisoformat(first_day),
        known_at=NOW,
    )
    return BOOK, "", message


def day_closed(day: str) -> Told:
    """A day is closed."""
    return BOOK, "", BookDayClosed(book=BOOK, day=date.fromisoformat(day), known_at=NOW)


def loan_closed(loan: str, client: str, day: str, known: str = "") -> Told:
    """A loan is paid off; known on the day itself unless said otherwise."""
    known_at = datetime.fromisoformat(f"{known or day}T09:00:00+00:00")
    message = LoanClosed(book=BOOK, loan=loan, value_date=date.fromisoformat(day), known_at=known_at)
    return f"{BOOK}/{client}", client, message


def corrected(told: str, client: str, body: dict[str, Any] | None) -> Told:
    """A fact was wrong; `told` is the event id of what it corrects."""
    message = FactCorrected(book=BOOK, value_date=date(2024, 6, 3), known_at=NOW, fact=told, body=body)
    return f"{BOOK}/{client}", client, message


def cured(loan: str, client: str, day: str, known: str = "") -> Told:
    """Arrears are cured."""
    known_at = datetime.fromisoformat(f"{known or day}T09:00:00+00:00")
    message = LoanArrearsCured(
        book=BOOK, client=client, loan=loan, value_date=date.fromisoformat(day), known_at=known_at, days_past_due=40
    )
    return f"{BOOK}/{client}", client, message


def repayment(client: str) -> Told:
    """One of the many facts that feedback does not read."""
    message = RepaymentReceived(book=BOOK, loan="L1", value_date=date(2024, 6, 3), amount="1.00", currency="EUR")
    return f"{BOOK}/{client}", client, message


def contact(client: str, *, consent: bool = True, address: bool = True, version: int = 1, language: str = "en") -> Told:
    """What is known of how to reach a client."""
    points = [ContactPoint(channel="email", address=f"{client}@example.org")] if address else []
    consents = [Consent(channel="email", purpose="survey", given=consent, since=date(2024, 1, 1))]
    message = ContactPut(
        book=BOOK,
        client=client,
        version=version,
        language="zh" if language == "zh" else "en",
        name="Somebody (synthetic)",
        points=points,
        consents=consents,
    )
    return f"{BOOK}/{client}", client, message


def revised(alert: str = ALERT, revision: int = 1, **other: Any) -> Told:
    """A revision of an alert."""
    fields: dict[str, Any] = {
        "alert": alert,
        "revision": revision,
        "change": "opened",
        "state": "open",
        "level": "red",
        "provisional": False,
        "book": BOOK,
        "indicator": "missed_payment_rate",
        "basis": "count",
        "segment": "portfolio",
        "direction": "above",
        "period_kind": "month",
        "opened_period": "2024-05",
        "period": "2024-05",
        "as_of": date(2024, 5, 31),
        "known_from": NOW,
        "policy": "demo",
        "policy_version": 1,
        "owner": "portfolio_manager",
        "sentence": "Missed payment rate of book auto reached 20.5 % in May 2024 (red from 18 %).",
        "sentence_zh": "auto 贷款组合的逾期率在 2024 年 5 月达到 20.5%（红色阈值 18%）。",
    }
    return CAUSE, "", AlertRevised(**(fields | other))


def decided(request: str, decision: str = "accepted", state: str = "open", kind: str = "verdict") -> Told:
    """What risk decided on a request."""
    fields: dict[str, Any] = {"kind": kind, "decision": decision, "state": state}
    return CAUSE, "", AlertRequestDecided(request=request, alert=ALERT, by="officer-7", decided_at=NOW, **fields)


def days_from(start: str, offsets: Iterable[int]) -> list[str]:
    """Return days so many days after a day."""
    return [(date.fromisoformat(start) + timedelta(days=offset)).isoformat() for offset in offsets]
