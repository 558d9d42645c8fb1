"""Feeds the risk service: facts as records of the intake topic, folded and evaluated on a real database."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Executable

from services.risk.evaluation.run import Evaluated, evaluate_book
from services.risk.handlers import policies
from services.risk.handlers.fold import Scope, fold_batch
from shared.clock import FrozenClock
from shared.db.postgres import PostgresDatabase
from shared.db.sqlite import SqliteDatabase
from shared.events import facts, intake
from shared.events.envelope import Envelope, to_headers
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.log.port import Record
from shared.runtime.service import Batch

TOPIC = "tocsin.intake"
SOURCE = "/tests"
PARTITIONS = 2
OWNER = "me"
SCOPE = Scope(OWNER, PARTITIONS, lanes=set(range(PARTITIONS)))

AnyDatabase = SqliteDatabase | PostgresDatabase


def at(day: str, hour: int = 12) -> datetime:
    """A moment on a day."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=hour)


class Feed:
    """A log of two lanes in memory, as intake would write it."""

    def __init__(self) -> None:
        self.lanes: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.folded = [0] * PARTITIONS

    def append(self, lane: int, envelope: Envelope, body: Any, key: str) -> Record:
        """Append one message to a lane."""
        value = body if isinstance(body, bytes) else msgspec.json.encode(body)
        record = Record(TOPIC, lane, len(self.lanes[lane]), key.encode(), to_headers(envelope), value, 0)
        self.lanes[lane].append(record)
        return record

    def open_book(self, book: str = "auto", first_day: str = "2020-01-01", **terms: Any) -> None:
        """Open a book on every lane."""
        message = intake.BookOpened(
            book=book,
            base_currency=terms.pop("base_currency", "USD"),
            time_zone="America/New_York",
            calendar=terms.pop("calendar", "EVERY_DAY"),
            first_day=date.fromisoformat(first_day),
            known_at=at(first_day, 0),
            segment_attributes=["region"],
            **terms,
        )
        self._broadcast(message, f"{book}-opened", book, at(first_day, 0))

    def close(self, day: str, book: str = "auto") -> None:
        """Close a day on every lane."""
        message = intake.BookDayClosed(book=book, day=date.fromisoformat(day), known_at=at(day, 23))
        self._broadcast(message, f"{book}-closed-{day}", book, at(day, 23))

    def fact(
        self, fact: facts.Fact, client: str, name: str, target: str = "", lane: int | None = None, known: Any = None
    ) -> Record:
        """Append a fact; `name` is the producer's id, `target` that of the fact it refers to."""
        moment = (
            known or fact.known_at or datetime.combine(fact.value_date, datetime.min.time(), UTC) + timedelta(hours=12)
        )
        envelope = Envelope(
            id=event_id(name),
            source=SOURCE,
            type=type(fact).type,
            time=moment,
            book=fact.book,
            client=client,
            known_at=moment,
            target=event_id(target) if target else "",
            origin_id=name,
        )
        key = f"{fact.book}/{client}"
        return self.append(lane_of(key, PARTITIONS) if lane is None else lane, envelope, fact, key)

    def _broadcast(self, message: Any, name: str, book: str, moment: datetime) -> None:
        for lane in range(PARTITIONS):
            envelope = Envelope(
                id=hashed_id(name, lane), source=SOURCE, type=type(message).type, time=moment, book=book, subject=book
            )
            self.append(lane, envelope, message, book)

    def pending(self, batch_records: int = 2_000) -> Iterable[Batch]:
        """Return what has not been folded yet, lane by lane."""
        for lane, records in enumerate(self.lanes):
            while self.folded[lane] < len(records):
                part = records[self.folded[lane] : self.folded[lane] + batch_records]
                self.folded[lane] += len(part)
                yield Batch(TOPIC, lane, 1, part)


def event_id(name: str) -> str:
    """The ledger's key of a producer's id."""
    return hashed_id(SOURCE, name)


def new_clock() -> FrozenClock:
    """A clock that stands at the start of 2021."""
    return FrozenClock(at("2021-01-01"))


async def fold(database: AnyDatabase, feed: Feed, batch_records: int = 2_000) -> None:
    """Fold everything that is pending."""
    for batch in feed.pending(batch_records):
        await fold_one(database, batch)


async def fold_one(database: AnyDatabase, batch: Batch) -> None:
    """Fold one batch."""
    async with database.transaction() as tx:
        await fold_batch(tx, batch, Scope(OWNER, PARTITIONS))


async def evaluate(database: AnyDatabase, book: str = "auto", scope: Scope = SCOPE) -> Evaluated | None:
    """Evaluate a book once."""
    async with database.transaction(snapshot=True) as tx:
        return await evaluate_book(tx, book, scope)


async def settle(database: AnyDatabase, feed: Feed, batch_records: int = 2_000, book: str = "auto") -> None:
    """Fold and evaluate everything, evaluating after every batch."""
    for batch in feed.pending(batch_records):
        await fold_one(database, batch)
        await evaluate(database, book)


async def apply_policy(database: AnyDatabase, text: str) -> None:
    """Apply a policy."""
    parsed = policies.check_policy(text)
    assert parsed.policy is not None, parsed.errors
    async with database.transaction() as tx:
        await policies.apply_policy(tx, parsed.policy, text, PARTITIONS)


async def rows_of(database: AnyDatabase, statement: Executable) -> list[Any]:
    """Rows of a statement."""
    async with database.read() as tx:
        return list(await tx.rows(statement))


def register(feed: Feed, client: str, region: str = "TX", day: str = "2020-01-01") -> None:
    """A person of a region."""
    fact = facts.ClientRegistered(
        book="auto",
        value_date=date.fromisoformat(day),
        client=client,
        kind="person",
        attributes=facts.Attributes(region=region),
    )
    feed.fact(fact, client, f"{client}-registered")


def disburse(feed: Feed, loan: str, client: str, first_due: str = "2020-02-15", day: str = "2020-01-02") -> None:
    """A loan of USD 1,200 in twelve instalments of 100."""
    fact = facts.LoanDisbursed(
        book="auto",
        value_date=date.fromisoformat(day),
        loan=loan,
        client=client,
        currency="USD",
        principal="1200.00",
        schedule=facts.EqualPrincipalSchedule(first_due=date.fromisoformat(first_due), instalments=12),
    )
    feed.fact(fact, client, f"{loan}-disbursed")


def repay(feed: Feed, loan: str, client: str, day: str, amount: str = "100.00", known: str = "") -> str:
    """A repayment; returns the producer's id."""
    name = f"{loan}-repaid-{day}"
    fact = facts.RepaymentReceived(
        book="auto", value_date=date.fromisoformat(day), loan=loan, amount=amount, currency="USD"
    )
    feed.fact(fact, client, name, known=at(known) if known else None)
    return name


def charge_off(feed: Feed, loan: str, client: str, day: str) -> None:
    """The lender gives a loan up."""
    fact = facts.LoanChargedOff(book="auto", value_date=date.fromisoformat(day), loan=loan)
    feed.fact(fact, client, f"{loan}-charged-off-{day}")


def small_book(feed: Feed, loans: int = 10) -> None:
    """A book with as many clients as loans, half of them in TX, half in CA."""
    feed.open_book()
    for number in range(loans):
        register(feed, f"c{number}", "TX" if number % 2 else "CA")
        disburse(feed, f"l{number}", f"c{number}")
