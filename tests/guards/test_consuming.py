"""Consuming: the epoch and the offset of a position, and the gap that nobody may step over."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from fastapi import APIRouter
from sqlalchemy import Column, Integer, MetaData, Table, select, update

from shared.db import positions
from shared.db.house import HouseTables, house_tables
from shared.db.port import Tx
from shared.db.sqlite import SqliteDatabase, open_sqlite
from shared.log.port import Outgoing, Partition, Reader, Record
from shared.log.sqlite import SqliteLog, open_sqlite_log
from shared.runtime.bell import Bell
from shared.runtime.health import Health
from shared.runtime.partition import PartitionLoop
from shared.runtime.service import Batch, Limits, Service, Subscription

TOPIC = Partition("notes", 0)
METADATA = MetaData()
HOUSE = house_tables(METADATA)
SEEN = Table(
    "seen",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("offset", Integer),
    Column("epoch", Integer),
    Column("owned_by", Integer),
)
"""Each record as often as it took effect, under which epoch, and the epoch of the partition's owner at that moment."""
LIMITS = Limits(retry_delay_s=0.0, retry_delay_max_s=0.0)


class Notebook:
    """A service whose work is not idempotent, on one partition."""

    def __init__(self, database: SqliteDatabase, log: SqliteLog) -> None:
        self.database, self.log = database, log
        self._stop = asyncio.Event()

    async def _handle(self, tx: Tx, batch: Batch) -> None:
        owner = await tx.row(select(HOUSE.position.c.epoch))
        assert owner is not None
        rows = [(record.offset, batch.epoch, owner.epoch) for record in batch.records]
        await tx.insert(SEEN, ["offset", "epoch", "owned_by"], rows)

    async def _bury(self, tx: Tx, record: Record, error: Exception) -> None:
        raise AssertionError(f"{record.offset}: {error}")

    async def owner(self, name: str) -> tuple[PartitionLoop, Reader]:
        """Let a process join and claim the partition."""

        async def nothing(_partitions: Sequence[Partition]) -> None:
            pass

        reader = self.log.reader(name, [TOPIC.topic], nothing, nothing)
        await reader.start()
        subscription = Subscription(TOPIC.topic, self._handle, self._bury)
        service = Service("notes", APIRouter(), self.database, HOUSE, Bell(), (subscription,))
        loop = PartitionLoop(service, subscription, TOPIC, reader, name, LIMITS, Health())
        await loop.claim(self._stop)
        return loop, reader

    async def write(self, count: int) -> None:
        await self.log.append([Outgoing(*TOPIC, b"", (), b"") for _ in range(count)], 5.0)

    async def read(self, reader: Reader) -> Sequence[Record]:
        return (await reader.read_batch(100, 0.0))[TOPIC]

    async def digest(self, loop: PartitionLoop, records: Sequence[Record]) -> None:
        await loop.digest(records, self._stop)

    async def violations(self) -> list[str]:
        """Return what must not be, if anything."""
        async with self.database.read() as tx:
            seen = [tuple(row) for row in await tx.rows(select(SEEN.c.offset, SEEN.c.epoch, SEEN.c.owned_by))]
            at = (await positions.stored(tx, HOUSE, "notes", TOPIC.topic))[TOPIC.number]
        offsets = [offset for offset, _, _ in seen]
        found = [f"offset {one} took effect {offsets.count(one)} times" for one in sorted(set(offsets))]
        found = [one for one in found if not one.endswith(" 1 times")]
        found += [f"{epoch} committed what {owned_by} owns" for _, epoch, owned_by in seen if epoch != owned_by]
        found += [f"offset {one} was stepped over" for one in range(at) if one not in offsets]
        return found


@asynccontextmanager
async def notebook() -> AsyncIterator[Notebook]:
    database, log = open_sqlite(None), open_sqlite_log(None)
    await database.run_sync(METADATA.create_all)
    await log.create_topics({TOPIC.topic: 1})
    yield Notebook(database, log)
    await log.close()
    await database.close()


class Place(NamedTuple):
    """A position as `positions.advance` is asked to move it."""

    house: HouseTables
    group: str
    topic: str
    partition: int
    epoch: int
    from_offset: int
    to_offset: int

    async def move(self, tx: Tx, of_owner_only: bool, in_order_only: bool) -> bool:
        """Move it, comparing less than the product does."""
        position = self.house.position.c
        where = [position.topic == self.topic]
        where += [position.epoch == self.epoch] if of_owner_only else []
        where += [position.next_offset == self.from_offset] if in_order_only else []
        return await tx.execute(update(self.house.position).where(*where).values(next_offset=self.to_offset)) == 1


async def a_zombie_commits_what_its_heir_has_claimed() -> list[str]:
    async with notebook() as notes:
        old, reading = await notes.owner("old")
        await notes.write(3)
        records = await notes.read(reading)
        await notes.owner("heir")
        await notes.digest(old, records)
        return await notes.violations()


async def two_digest_the_same_batch() -> list[str]:
    async with notebook() as notes:
        old, reading = await notes.owner("old")
        await notes.write(3)
        records = await notes.read(reading)
        heir, reading = await notes.owner("heir")
        await notes.digest(heir, await notes.read(reading))
        await notes.digest(old, records)
        return await notes.violations()


async def records_are_missing() -> list[str]:
    async with notebook() as notes:
        loop, reading = await notes.owner("only")
        await notes.write(4)
        first, _, *rest = await notes.read(reading)
        await notes.digest(loop, [first, *rest])
        return await notes.violations()


async def test_only_the_owner_of_a_partition_moves_its_position(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await a_zombie_commits_what_its_heir_has_claimed() == []

    async def advance(tx: Tx, *place: object) -> bool:
        return await Place(*place).move(tx, of_owner_only=False, in_order_only=True)  # type: ignore[arg-type]

    monkeypatch.setattr(positions, "advance", advance)
    assert await a_zombie_commits_what_its_heir_has_claimed() == ["1 committed what 2 owns"] * 3


async def test_a_position_moves_on_from_where_it_is_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await two_digest_the_same_batch() == []

    async def advance(tx: Tx, *place: object) -> bool:
        return await Place(*place).move(tx, of_owner_only=False, in_order_only=False)  # type: ignore[arg-type]

    monkeypatch.setattr(positions, "advance", advance)
    found = await two_digest_the_same_batch()
    assert found[:3] == [f"offset {offset} took effect 2 times" for offset in range(3)]


async def test_a_gap_is_not_stepped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await records_are_missing() == []
    monkeypatch.setattr(PartitionLoop, "_until_gap", lambda _loop, fresh: len(fresh))
    assert await records_are_missing() == ["offset 1 was stepped over"]
