"""Locks on a real PostgreSQL: what leaves intake leaves in the order in which it was decided, and nothing stays behind.

In each scenario one transaction has put a message into the outbox and is not committed yet, while another one goes as
far as it can, and the relay sends what it sees.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from services.intake.handlers.accept import accept_facts
from services.intake.handlers.books import CloseDay, close_day
from services.intake.store import books, registry
from shared.clock import FrozenClock
from shared.db import migrate, outbox
from shared.db.house import HouseTables
from shared.db.port import Tx
from shared.db.postgres import open_postgres
from shared.events.base import Topic
from shared.events.envelope import from_headers
from shared.log.port import Outgoing
from tests.intake.conftest import NOW
from tests.intake.house import House, client, loan, repayment

pytestmark = pytest.mark.servers

_BLOCKED = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
CLOSE = "tocsin.book.day_closed.v1"


class Relay:
    """Sends what it sees, in its order, and notes what left the lane of one client."""

    def __init__(self, house: House, lane: int) -> None:
        self.left: list[str] = []
        self.seqs: list[int] = []
        self._house, self._lane = house, lane

    async def send(self) -> None:
        place = (self._house.desk.house, Topic.INTAKE, self._lane)
        async with self._house.database.transaction() as tx:
            rows = await outbox.unsent(tx, *place, 1_000)
            await outbox.forget(tx, *place, [seq for seq, _ in rows])
        for seq, row in rows:
            envelope = from_headers(row.headers)
            self.left.append(envelope.type if envelope.type == CLOSE else envelope.origin_id)
            self.seqs.append(seq)


@asynccontextmanager
async def intake(dsn: str, folder: Path) -> AsyncIterator[House]:
    database = open_postgres(dsn, 6, clock=FrozenClock(NOW))
    await migrate.upgrade(database, "services.intake")
    house = House(database, FrozenClock(NOW), folder)
    await house.open_book()
    await house.take(client("C1"), loan("L1", "C1"), client("C2"), loan("L2", "C2"))
    yield house
    await database.close()


async def overtaken(house: House, second: Callable[[Tx], Awaitable[object]], first: str, relay: Relay) -> None:
    """Take a repayment in; before that is committed let `second` go as far as it can, and send."""

    async def other() -> None:
        async with house.database.transaction() as tx:
            await second(tx)

    await relay.send()
    relay.left.clear()
    relay.seqs.clear()
    async with house.database.transaction() as tx:
        await accept_facts(tx, house.desk, [house.read(repayment(first))], house.clock.now())
        overtaking = asyncio.create_task(other())
        while not overtaking.done() and not await blocked(house):
            await asyncio.wait([overtaking], timeout=0.01)
        await relay.send()
    await overtaking
    await relay.send()


async def blocked(house: House) -> bool:
    async with house.database.read() as tx:
        return await tx.row(_BLOCKED) is not None


async def order_around_a_close(dsn: str, folder: Path) -> list[str]:
    """Close a day while a fact of it is on its way; return what leaves the fact's lane."""
    async with intake(dsn, folder) as house:
        relay = Relay(house, house.desk.lane("auto/C1"))

        async def close(tx: Tx) -> None:
            done = await close_day(tx, house.desk, "auto", CloseDay(day=date(2020, 2, 1)), house.clock.now())
            assert done.outcome == "closed"

        await overtaken(house, close, "P1", relay)
        return relay.left


async def seqs_of_one_client(dsn: str, folder: Path) -> list[int]:
    """Take two facts of a client in at once; return their sequence numbers in the order in which they leave."""
    async with intake(dsn, folder) as house:
        relay = Relay(house, house.desk.lane("auto/C1"))

        async def take(tx: Tx) -> None:
            await accept_facts(tx, house.desk, [house.read(repayment("P2"))], house.clock.now())

        await overtaken(house, take, "P1", relay)
        assert sorted(relay.left) == ["P1", "P2"]
        return relay.seqs


async def left_of_two_clients(dsn: str, folder: Path) -> list[str]:
    """Take facts of two clients of one lane in at once; return what leaves."""
    async with intake(dsn, folder) as house:
        lane = house.desk.lane("auto/C1")
        neighbour = next(f"N{n}" for n in range(100) if house.desk.lane(f"auto/N{n}") == lane)
        await house.take(client(neighbour), loan("L3", neighbour))
        relay = Relay(house, lane)

        async def take(tx: Tx) -> None:
            await accept_facts(tx, house.desk, [house.read(repayment("P2", "L3"))], house.clock.now())

        await overtaken(house, take, "P1", relay)
        return sorted(relay.left)


async def test_a_close_waits_for_the_facts_before_it(
    fresh: Callable[[], Awaitable[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await order_around_a_close(await fresh(), tmp_path) == ["P1", CLOSE]
    monkeypatch.setattr(books, "_SHARED", books._NAMED)
    assert await order_around_a_close(await fresh(), tmp_path) == [CLOSE, "P1"]


async def test_a_client_is_locked_before_a_sequence_number_is_drawn(
    fresh: Callable[[], Awaitable[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seqs = await seqs_of_one_client(await fresh(), tmp_path)
    assert seqs == sorted(seqs)

    async def not_held(_tx: Tx, _names: object) -> None:
        pass

    monkeypatch.setattr(registry, "hold", not_held)
    monkeypatch.setattr(registry, "_LOCKED", registry._EXPECTED_TOO)
    seqs = await seqs_of_one_client(await fresh(), tmp_path)
    assert seqs == sorted(seqs, reverse=True)


async def test_rows_leave_because_they_are_there_not_by_a_cursor(
    fresh: Callable[[], Awaitable[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await left_of_two_clients(await fresh(), tmp_path) == ["P1", "P2"]
    really_unsent, last = outbox.unsent, 0

    async def behind_the_cursor(
        tx: Tx, house: HouseTables, topic: str, partition: int, limit: int
    ) -> list[tuple[int, Outgoing]]:
        nonlocal last
        rows = [row for row in await really_unsent(tx, house, topic, partition, limit) if row[0] > last]
        last = max([last, *(seq for seq, _ in rows)])
        return rows

    monkeypatch.setattr(outbox, "unsent", behind_the_cursor)
    assert await left_of_two_clients(await fresh(), tmp_path) == ["P2"]
