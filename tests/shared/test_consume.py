"""The consume loop over the real stores: each record takes effect once, whoever fails, stalls or comes back late."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY
from sqlalchemy import Column, Integer, MetaData, Table, Text, select

from shared.db import lanes, positions
from shared.db.house import HouseTables, house_tables
from shared.db.port import DatabaseUnavailable, Tx
from shared.db.sqlite import SqliteDatabase, open_sqlite
from shared.events.base import Topic
from shared.log.port import Outgoing, Partition, Record
from shared.log.sqlite import SqliteLog, open_sqlite_log
from shared.runtime.bell import Bell
from shared.runtime.consume import Consumer
from shared.runtime.health import Health
from shared.runtime.service import Batch, Limits, Service, Subscription

TOPIC = "letters"
LIMITS = Limits(batch_records=8, retry_delay_s=0.001, retry_delay_max_s=0.002, poison_minimum=3)
METADATA = MetaData()
HOUSE = house_tables(METADATA)
SEEN = Table("seen", METADATA, Column("id", Integer, primary_key=True, autoincrement=True), Column("value", Text))
DEAD = Table("dead", METADATA, Column("offset", Integer, primary_key=True), Column("error", Text))


@dataclass
class Letters:
    """A service that writes down what it reads; tests make it fail by `trouble`."""

    database: SqliteDatabase
    log: SqliteLog
    topic: str = TOPIC
    health: Health = field(default_factory=Health)
    trouble: Callable[[Batch], Awaitable[None]] | None = None
    committed: Bell = field(default_factory=Bell)

    async def handle(self, tx: Tx, batch: Batch) -> None:
        await tx.insert(SEEN, ["value"], [(record.value.decode(),) for record in batch.records])
        if self.trouble is not None:
            await self.trouble(batch)

    async def dead_letter(self, tx: Tx, record: Record, error: Exception) -> None:
        await tx.insert(DEAD, ["offset", "error"], [(record.offset, str(error))])

    def service(self) -> Service:
        house: HouseTables = HOUSE
        subscription = Subscription(
            self.topic, self.handle, self.dead_letter, after_commit=lambda batch: self.committed.ring()
        )
        return Service("letters", APIRouter(), self.database, house, Bell(), (subscription,))

    async def send(self, *values: str) -> None:
        await self.log.append([Outgoing(self.topic, 0, b"k", (), value.encode()) for value in values], 5)

    async def seen(self) -> list[str]:
        async with self.database.read() as tx:
            return [row.value for row in await tx.rows(select(SEEN.c.value).order_by(SEEN.c.id))]

    async def dead(self) -> list[int]:
        async with self.database.read() as tx:
            return [row.offset for row in await tx.rows(select(DEAD.c.offset).order_by(DEAD.c.offset))]

    async def position(self) -> int:
        async with self.database.read() as tx:
            return (await positions.stored(tx, HOUSE, "letters", self.topic)).get(0, 0)

    def consumer(self) -> Consumer:
        return Consumer(self.service(), self.log, "test", LIMITS, self.health)

    async def consume_until(self, done: Callable[[], Awaitable[bool]], consumer: Consumer | None = None) -> None:
        """Run a consumer until `done`, looked at after each commit and at short intervals, at most ten seconds."""
        stop = asyncio.Event()
        consumer = consumer or self.consumer()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(consumer.run(stop))
            while not await done():
                await self.committed.wait(0.02)
            stop.set()

    async def consume_to(self, offset: int) -> None:
        async def reached() -> bool:
            return await self.position() >= offset

        await self.consume_until(reached)


@pytest.fixture
async def letters(tmp_path: Path) -> AsyncIterator[Letters]:
    database = open_sqlite(tmp_path / "letters.db")
    await database.run_sync(METADATA.create_all)
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({TOPIC: 1})
    yield Letters(database, log)
    await log.close()
    await database.close()


def numbered(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def test_each_record_takes_effect_once_in_order_across_restarts(letters: Letters) -> None:
    await letters.send(*numbered(20))
    await letters.consume_to(20)
    await letters.send(*[str(number) for number in range(20, 30)])
    await letters.consume_to(30)
    assert await letters.seen() == numbered(30)


async def test_a_passing_fault_is_tried_again_in_place(letters: Letters) -> None:
    failures = 3

    async def trouble(batch: Batch) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            assert letters.health is not None
            raise DatabaseUnavailable("away")

    letters.trouble = trouble
    await letters.send(*numbered(10))
    await letters.consume_to(10)
    assert failures == 0
    assert await letters.seen() == numbered(10)
    assert await letters.health.reasons() == {}


async def test_a_fault_with_a_full_queue_behind_it_holds_nothing_up(letters: Letters) -> None:
    failed = False

    async def trouble(batch: Batch) -> None:
        nonlocal failed
        if not failed:
            failed = True
            raise DatabaseUnavailable("away")

    letters.trouble = trouble
    await letters.send(*numbered(60))
    await letters.consume_to(60)
    assert await letters.seen() == numbered(60)


async def test_a_standing_fault_is_a_reason_not_to_be_ready(letters: Letters) -> None:
    async def trouble(batch: Batch) -> None:
        raise DatabaseUnavailable("the database is away")

    async def told() -> bool:
        return "the database is away" in (await letters.health.reasons()).values()

    letters.trouble = trouble
    await letters.send("a")
    await letters.consume_until(told)
    assert await letters.seen() == []


async def test_poison_is_bisected_to_its_record_and_the_rest_goes_on(letters: Letters) -> None:
    async def trouble(batch: Batch) -> None:
        if any(record.value == b"13" for record in batch.records):
            raise ValueError("cannot digest 13")

    letters.trouble = trouble
    await letters.send(*numbered(30))
    await letters.consume_to(30)
    assert await letters.dead() == [13]
    assert await letters.seen() == [value for value in numbered(30) if value != "13"]


async def test_too_much_poison_stops_the_partition_instead_of_draining_it(letters: Letters) -> None:
    async def trouble(batch: Batch) -> None:
        raise ValueError("everything is wrong")

    async def stopped() -> bool:
        return any("too much poison" in reason for reason in (await letters.health.reasons()).values())

    letters.trouble = trouble
    await letters.send(*numbered(40))
    await letters.consume_until(stopped)
    assert len(await letters.dead()) == LIMITS.poison_minimum
    assert await letters.position() == LIMITS.poison_minimum


async def test_a_dead_letter_that_cannot_be_kept_stops_its_partition_and_not_the_process(letters: Letters) -> None:
    async def trouble(batch: Batch) -> None:
        raise ValueError("cannot digest")

    async def stopped() -> bool:
        return any("cannot be kept" in reason for reason in (await letters.health.reasons()).values())

    letters.trouble = trouble
    await letters.database.run_sync(DEAD.drop)
    await letters.send("0")
    await letters.consume_until(stopped)


async def test_a_zombie_is_fenced_and_reads_on_from_the_stored_position(letters: Letters) -> None:
    """Another owner claims and moves on while this one believes that it still owns the partition."""
    stolen = False

    async def steal_then_reach_the_end() -> bool:
        nonlocal stolen
        if not stolen and await letters.position() == 5:
            stolen = True
            async with letters.database.transaction() as tx:
                claim = await positions.claim(tx, HOUSE, "letters", TOPIC, 0, "other")
                assert await positions.advance(tx, HOUSE, "letters", TOPIC, 0, claim.epoch, claim.next_offset, 8)
                await tx.insert(SEEN, ["value"], [("5",), ("6",), ("7",)])
            await letters.send("5", "6", "7", "8", "9")
        return await letters.position() >= 10

    await letters.send(*numbered(5))
    await letters.consume_until(steal_then_reach_the_end)
    assert await letters.seen() == numbered(10)


async def test_a_stale_epoch_moves_nothing(letters: Letters) -> None:
    async with letters.database.transaction() as tx:
        first = await positions.claim(tx, HOUSE, "letters", TOPIC, 0, "first")
        second = await positions.claim(tx, HOUSE, "letters", TOPIC, 0, "second")
        assert not await positions.advance(tx, HOUSE, "letters", TOPIC, 0, first.epoch, 0, 5)
        assert await positions.advance(tx, HOUSE, "letters", TOPIC, 0, second.epoch, 0, 5)
        assert not await positions.advance(tx, HOUSE, "letters", TOPIC, 0, second.epoch, 0, 5)


async def put(letters: Letters, *pairs: tuple[str, str]) -> None:
    """Append (key, value) pairs."""
    await letters.log.append([Outgoing(letters.topic, 0, key.encode(), (), value.encode()) for key, value in pairs], 5)


async def test_a_fresh_member_reads_what_is_left_of_a_compacted_partition_and_goes_on(letters: Letters) -> None:
    letters.topic = Topic.CONTACTS
    await letters.log.create_topics({letters.topic: 1}, [letters.topic])
    await put(letters, ("ann", "ann 1"), ("bob", "bob 1"), ("ann", "ann 2"), ("eve", "eve 1"), ("bob", "bob 2"))
    await letters.consume_to(5)
    assert await letters.seen() == ["ann 2", "eve 1", "bob 2"]
    # The stored position, 5, is in a gap by the time it is read from again.
    await put(letters, ("eve", "eve 2"), ("eve", "eve 3"), ("ann", "ann 3"))
    await letters.consume_to(8)
    assert await letters.seen() == ["ann 2", "eve 1", "bob 2", "eve 3", "ann 3"]
    assert await letters.health.reasons() == {}


async def test_a_gap_in_any_other_topic_stops_the_partition(letters: Letters) -> None:
    async def stopped() -> bool:
        return any("offsets 1 to 1 never came" in reason for reason in (await letters.health.reasons()).values())

    letters.topic = "holes"
    await letters.log.create_topics({letters.topic: 1}, [letters.topic])
    await put(letters, ("ann", "0"), ("bob", "1"), ("bob", "2"))
    await letters.consume_until(stopped)
    assert await letters.seen() == ["0"]
    assert await letters.position() == 1


async def test_a_missing_topic_is_waited_for(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "letters.db")
    await database.run_sync(METADATA.create_all)
    log = open_sqlite_log(tmp_path / "log.db")
    letters = Letters(database, log)
    created = False

    async def done() -> bool:
        nonlocal created
        if not created and "does not exist yet" in (await letters.health.reasons()).get("letters consumer", ""):
            await log.create_topics({TOPIC: 1})
            await letters.send("a")
            created = True
        return await letters.seen() == ["a"]

    await letters.consume_until(done)
    assert created
    await log.close()
    await database.close()


def lag_of(measure: str) -> float | None:
    return REGISTRY.get_sample_value(measure, {"service": "letters", "topic": TOPIC, "partition": "0"})


async def test_lag_is_told_in_records_and_seconds_and_no_more_when_the_partition_is_gone(letters: Letters) -> None:
    consumer, seen = letters.consumer(), []

    async def stuck(_batch: Batch) -> None:
        raise DatabaseUnavailable("the database is away")

    async def measured() -> bool:
        await consumer.measure_lag(datetime.now(UTC) + timedelta(seconds=100))
        seen.append((lag_of("tocsin_consumer_lag_records"), lag_of("tocsin_consumer_lag_seconds")))
        if letters.trouble is not None and (seen[-1][1] or 0) > 99:
            letters.trouble = None
        return seen[-1] == (0, 0) and letters.trouble is None and await letters.seen() != []

    letters.trouble = stuck
    await letters.send("a", "b")
    await letters.consume_until(measured, consumer)
    records, age_s = max(one for one in seen if one[0] is not None)
    assert records == 2
    assert age_s is not None
    assert 100 <= age_s < 110
    assert lag_of("tocsin_consumer_lag_records") is lag_of("tocsin_consumer_lag_seconds") is None


async def test_readiness_is_told_by_component(letters: Letters) -> None:
    states: set[tuple[tuple[str, str], bool]] = set()

    async def stuck(_batch: Batch) -> None:
        raise DatabaseUnavailable("the database is away")

    async def stood_and_went_on() -> bool:
        states.update((await letters.health.components()).items())
        if (("letters", "partition"), False) in states:
            letters.trouble = None
        return await letters.seen() == ["a"]

    letters.trouble = stuck
    await letters.send("a")
    await letters.consume_until(stood_and_went_on)
    assert {(("letters", "consumer"), True), (("letters", "partition"), True)} <= states
    assert ("letters", "partition") not in await letters.health.components()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (DatabaseUnavailable("the database is away"), "the database is away"),
        (ValueError("everything is wrong"), "stopped: too much poison; the last was ValueError('everything is wrong')"),
    ],
    ids=("passing", "poison"),
)
async def test_a_fault_of_one_partition_holds_up_no_other(letters: Letters, fault: Exception, reason: str) -> None:
    """Its reason is told under its own name, and its lag grows old, which rings an alarm; it goes on once it can."""
    letters.topic = "two"
    await letters.log.create_topics({"two": 2})
    faulty = True

    async def trouble(batch: Batch) -> None:
        if faulty and batch.partition == 0:
            raise fault

    async def told_and_other_done() -> bool:
        async with letters.database.read() as tx:
            done = (await positions.stored(tx, HOUSE, "letters", "two")).get(1, 0)
        await consumer.measure_lag(datetime.now(UTC) + timedelta(seconds=400))
        return done == 30 and reason in (await letters.health.reasons()).values()

    letters.trouble, consumer = trouble, letters.consumer()
    await put(letters, *(("k", str(number)) for number in range(30)))
    await letters.log.append([Outgoing("two", 1, b"k", (), str(number).encode()) for number in range(100, 130)], 5)
    ages: list[float | None] = []

    async def done() -> bool:
        finished = await told_and_other_done()
        labels = {"service": "letters", "topic": "two"}
        ages[:] = [
            REGISTRY.get_sample_value("tocsin_consumer_lag_seconds", {**labels, "partition": str(number)})
            for number in (0, 1)
        ]
        return finished and await letters.position() < 30

    await letters.consume_until(done, consumer)
    assert await letters.seen() == [str(number) for number in range(100, 130)]
    assert ages[0] is not None
    assert (ages[0] > 300, ages[1]) == (True, 0), "over the alarm's limit, and not behind at all"
    if isinstance(fault, DatabaseUnavailable):
        assert await letters.dead() == []
        faulty = False
        await letters.consume_to(30)
        assert sorted(await letters.seen(), key=int) == [str(number) for number in (*range(30), *range(100, 130))]


@pytest.mark.parametrize("found", [1, 3])
async def test_a_topic_with_other_partitions_than_stored_is_not_read_and_says_what_to_do(
    letters: Letters, found: int
) -> None:
    letters.topic = "lanes"
    await letters.log.create_topics({"lanes": found})
    async with letters.database.transaction() as tx:
        await lanes.fix_partitions(tx, HOUSE, "lanes", 2)
    await letters.send("a")

    async def told() -> bool:
        reason = (await letters.health.reasons()).get("letters consumer", "")
        return f"was laid out with 2 partitions and now has {found}" in reason and "give it 2 again" in reason

    await letters.consume_until(told)
    assert await letters.seen() == []


async def test_partitions_that_are_added_while_it_reads_stop_it_too(letters: Letters) -> None:
    consumer = letters.consumer()
    consumer._laid_out[TOPIC] = 1
    with pytest.raises(lanes.PartitionsChanged, match="laid out with 1 partitions and now has 2"):
        await consumer._assigned([Partition(TOPIC, 1)])
