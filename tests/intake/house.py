"""A composed intake and short ways to say what is sent to it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import func, select

from services.intake.app import build
from services.intake.handlers.accept import accept_facts
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import Bounds, IncomingFact, Refusal, read_event
from services.intake.handlers.outcomes import Outcome
from services.intake.settings import IntakeSettings
from services.intake.store.tables import HOUSE, LEDGER, QUARANTINE, WAITING
from shared.clock import FrozenClock
from shared.db import outbox
from shared.events.base import Topic
from shared.events.envelope import Envelope, from_headers
from shared.log.port import Outgoing, Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Batch, Platform
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.support.asgi import client_of
from tests.support.databases import AnyDatabase

PARTITIONS = 3
BOUNDS = Bounds(1024 * 1024, date(2100, 12, 31))
BOOK: dict[str, Any] = {
    "book": "auto",
    "base_currency": "USD",
    "time_zone": "America/New_York",
    "calendar": "US",
    "first_day": "2020-01-01",
}


class House:
    """Intake on one database."""

    def __init__(self, database: AnyDatabase, clock: FrozenClock, folder: Path, **settings: Any) -> None:
        """Compose; settings are those that differ from the defaults."""
        self.database, self.clock = database, clock
        self.desk = Desk(HOUSE, BOUNDS, PARTITIONS)
        platform = Platform(log=open_sqlite_log(None), clock=clock, partitions=PARTITIONS, owner="test")
        self.service = build(IntakeSettings(**settings), platform, database)
        keys = KeyRing(folder / "keys.json")
        _, secret = keys.add("all", list(RIGHTS), "2020-01-01")
        self.client = client_of(make_app([self.service], keys, Health(), "test"), secret)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post a JSON body under `/intake/v1`."""
        return await self.client.post(f"/intake/v1{path}", json=body, headers=headers)

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """Read under `/intake/v1`."""
        return await self.client.get(f"/intake/v1{path}", params=parameters)

    async def open_book(self, **other: Any) -> None:
        """Open the book `auto`."""
        answer = await self.post("/books", BOOK | other)
        assert answer.status_code == 201, answer.text

    async def take(self, *events: dict[str, Any]) -> list[Outcome]:
        """Accept facts in one transaction."""
        async with self.database.transaction() as tx:
            return await accept_facts(tx, self.desk, [self.read(one) for one in events], self.clock.now())

    def read(self, event: dict[str, Any]) -> IncomingFact:
        """Return an event as an understood fact."""
        fact = read_event(msgspec.json.encode(event), self.clock.now(), BOUNDS)
        assert not isinstance(fact, Refusal), fact
        return fact

    async def consume(self, *records: Record) -> None:
        """Digest records of `tocsin.facts` in one transaction, as the runtime does."""
        (subscription,) = self.service.subscriptions
        batch = Batch(Topic.FACTS, records[0].partition, 1, records)
        async with self.database.transaction() as tx:
            await subscription.handle(tx, batch)
        assert subscription.after_commit is not None
        subscription.after_commit(batch)

    async def ledger(self) -> set[str]:
        """Return the producers' ids in the ledger."""
        async with self.database.read() as tx:
            return {row.origin_id for row in await tx.rows(select(LEDGER.c.origin_id))}

    async def quarantined(self) -> dict[str, tuple[str, str]]:
        """Return producer's id -> (state, reason) of what lies in quarantine."""
        async with self.database.read() as tx:
            rows = await tx.rows(select(QUARANTINE.c.origin_id, QUARANTINE.c.state, QUARANTINE.c.reason))
        return {row.origin_id: (row.state, row.reason) for row in rows}

    async def count_waiting(self) -> int:
        """Return how many needs are noted."""
        async with self.database.read() as tx:
            row = await tx.row(select(func.count()).select_from(WAITING))
        assert row is not None
        return int(row[0])

    async def sent(self) -> list[tuple[Outgoing, Envelope]]:
        """Return what waits to leave on `tocsin.intake`, lane by lane, in order."""
        found = []
        async with self.database.read() as tx:
            for lane in range(PARTITIONS):
                rows = await outbox.unsent(tx, HOUSE, Topic.INTAKE, lane, 10_000)
                found += [(record, from_headers(record.headers)) for _, record in rows]
        return found


def event(identity: str, name: str, source: str = "tape", /, **data: Any) -> dict[str, Any]:
    """Return a CloudEvent of a fact of the book `auto`."""
    body = {"book": "auto", "value_date": "2020-02-01", "known_at": "2020-02-02T00:00:00Z"} | data
    fact_type = f"tocsin.{name}.v1"
    return {"specversion": "1.0", "id": identity, "source": source, "type": fact_type, "data": body}


def client(identity: str = "C1", **data: Any) -> dict[str, Any]:
    """Return the registration of a client."""
    return event(f"client {identity}", "client.registered", client=identity, kind="person", **data)


def loan(identity: str = "L1", of: str = "C1", **data: Any) -> dict[str, Any]:
    """Return the disbursement of a loan."""
    terms = {"kind": "annuity", "first_due": "2020-03-01", "instalments": 10}
    whole = {"loan": identity, "client": of, "currency": "USD", "principal": "1000.00", "schedule": terms}
    return event(f"loan {identity}", "loan.disbursed", **(whole | data))


def repayment(identity: str = "P1", of: str = "L1", amount: str = "100.00", **data: Any) -> dict[str, Any]:
    """Return a repayment."""
    return event(identity, "repayment.received", **({"loan": of, "amount": amount, "currency": "USD"} | data))


def record(value: bytes, offset: int = 0, headers: Sequence[tuple[str, bytes]] = (), partition: int = 0) -> Record:
    """Return a record of `tocsin.facts`."""
    return Record(Topic.FACTS, partition, offset, b"", tuple(headers), value, 0)


def structured(fact: dict[str, Any], offset: int = 0, partition: int = 0) -> Record:
    """Return a record in structured mode."""
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    return record(msgspec.json.encode(fact), offset, headers, partition)


def binary(fact: dict[str, Any], offset: int = 0, partition: int = 0) -> Record:
    """Return a record in binary mode."""
    headers = [(f"ce_{name}", fact[name].encode()) for name in ("specversion", "id", "source", "type")]
    return record(
        msgspec.json.encode(fact["data"]), offset, [*headers, ("content-type", b"application/json")], partition
    )
