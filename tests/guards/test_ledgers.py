"""The ledgers of intake and risk, and the idempotency keys of requests: what comes again has no effect again."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from services.intake.store import ledger
from services.risk.store import facts
from services.risk.store.tables import COUNTER, LEDGER, TALLY
from shared.clock import FrozenClock
from shared.db import idempotency, migrate, outbox
from shared.db.port import Tx
from shared.db.sqlite import open_sqlite
from tests.intake.conftest import NOW
from tests.intake.house import House, client, loan, repayment
from tests.risk.crisis import POLICY, begin, pay
from tests.risk.feed import AnyDatabase, Feed, fold, new_clock, rows_of


@asynccontextmanager
async def intake(folder: Path) -> AsyncIterator[House]:
    database = open_sqlite(None)
    await migrate.upgrade(database, "services.intake")
    house = House(database, FrozenClock(NOW), folder)
    await house.open_book()
    await house.take(client(), loan())
    yield house
    await database.close()


async def sent(house: House) -> list[str]:
    """Send what waits to leave; return the producers' ids of it."""
    left = await house.sent()
    async with house.database.transaction() as tx:
        for lane in range(house.desk.partitions):
            rows = await outbox.unsent(tx, house.desk.house, "tocsin.intake", lane, 1_000)
            await outbox.forget(tx, house.desk.house, "tocsin.intake", lane, [seq for seq, _ in rows])
    return [envelope.origin_id for _, envelope in left]


async def left_by_a_fact_told_twice(folder: Path) -> int:
    """Tell intake a fact, and once it has left tell it again; return how often it leaves."""
    async with intake(folder) as house:
        await house.take(repayment("P1"))
        left = await sent(house)
        await house.take(repayment("P1"))
        return [*left, *await sent(house)].count("P1")


async def counted_after_a_repeat() -> tuple[dict[tuple[Any, ...], int], dict[tuple[Any, ...], int]]:
    """Let a relay send everything twice; return what is counted before the repeat and after it."""
    database = open_sqlite(None, new_clock())
    await migrate.upgrade(database, "services.risk")
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(5))
    await fold(database, feed)
    before = await counted(database)
    _send_again(feed)
    await fold(database, feed)
    after = await counted(database)
    await database.close()
    return before, after


def _send_again(feed: Feed) -> None:
    for lane in feed.lanes:
        lane.extend([record._replace(offset=len(lane) + place) for place, record in enumerate(lane)])


async def counted(database: AnyDatabase) -> dict[tuple[Any, ...], int]:
    key = (TALLY.c.segment, TALLY.c.measure, COUNTER.c.day, TALLY.c.currency)
    sums = select(*key, func.sum(COUNTER.c.value)).join(COUNTER, COUNTER.c.tally == TALLY.c.id).group_by(*key)
    return {tuple(row[:-1]): row[-1] for row in await rows_of(database, sums) if row[-1]}


async def test_intakes_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await left_by_a_fact_told_twice(tmp_path) == 1
    really_add = ledger.add

    async def nothing_known(_tx: Tx, _event_ids: Collection[str]) -> dict[str, str]:
        return {}

    async def all_new(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> set[str]:
        await really_add(tx, rows)
        return {row[0] for row in rows}

    monkeypatch.setattr(ledger, "digests", nothing_known)
    monkeypatch.setattr(ledger, "add", all_new)
    assert await left_by_a_fact_told_twice(tmp_path) == 2


async def test_risks_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = await counted_after_a_repeat()
    assert before == after
    really_add = facts.add_facts

    async def all_new(tx: Tx, rows: Sequence[facts.LedgerRow]) -> set[str]:
        await really_add(tx, rows)
        return {row[0] for row in rows}

    monkeypatch.setattr(facts, "add_facts", all_new)
    before, after = await counted_after_a_repeat()
    assert before != after


async def booked_by_a_request_sent_twice(folder: Path) -> int:
    """Post a repayment without an id of its own twice under one key; return how often it is in the ledger."""
    async with intake(folder) as house:
        body = {"book": "auto", "value_date": "2020-02-01", "amount": "10.00", "currency": "USD"}
        for _ in range(2):
            answer = await house.post("/loans/L1/repayments", body, **{"Idempotency-Key": "morning run"})
            assert answer.status_code == 201
        return len(await house.ledger()) - 2


async def test_idempotency_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await booked_by_a_request_sent_twice(tmp_path) == 1

    async def always_new(*_: object) -> None:
        pass

    monkeypatch.setattr(idempotency, "begin", always_new)
    assert await booked_by_a_request_sent_twice(tmp_path) == 2


def test_the_ledgers_are_unique_by_event() -> None:
    assert [column.name for column in LEDGER.primary_key] == ["event_id"]
