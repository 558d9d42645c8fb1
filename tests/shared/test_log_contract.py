"""One contract for every backend of the log port: SQLite (file and memory) and real Apache Kafka."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.log.kafka import KafkaLog, open_kafka_log
from shared.log.lanes import lane_of
from shared.log.port import (
    MAX_RECORD_BYTES,
    EventLog,
    LogUnavailable,
    OffsetMissing,
    Outgoing,
    Partition,
    Reader,
    Record,
)
from shared.log.sqlite import open_sqlite_log
from tests.support.kafka import fresh_topic

APPEND_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 30.0
PARTITIONS = 4


@pytest.fixture(params=["sqlite", "memory", pytest.param("kafka", marks=pytest.mark.servers)])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    opened: EventLog
    if request.param == "kafka":
        opened = open_kafka_log(request.getfixturevalue("kafka_server"))
    else:
        opened = open_sqlite_log(tmp_path / "log.db" if request.param == "sqlite" else None)
    yield opened
    await opened.close()


@pytest.fixture
async def topic(log: EventLog) -> str:
    name = fresh_topic("contract")
    await log.create_topics({name: PARTITIONS})
    return name


class Member:
    """A group member that notes what it is told and reads from offset 0 unless told otherwise."""

    def __init__(self, log: EventLog, topic: str, group: str, start_at: dict[int, int] | None = None) -> None:
        self.reader: Reader = log.reader(group, [topic], self._assigned, self._revoked)
        self.topic, self.start_at = topic, start_at or {}
        self.owned: set[int] = set()
        self.assignments = 0
        self.may_claim = asyncio.Event()
        self.may_claim.set()
        self.claiming = asyncio.Event()

    async def _assigned(self, partitions: Sequence[Partition]) -> None:
        self.claiming.set()
        await self.may_claim.wait()
        for partition in partitions:
            self.reader.seek(partition, self.start_at.get(partition.number, 0))
        self.owned |= {partition.number for partition in partitions}
        self.assignments += 1

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        self.owned -= {partition.number for partition in partitions}

    async def read(self, count: int, max_records: int = 1000) -> list[Record]:
        """Read until so many records have come."""
        found: list[Record] = []
        async with asyncio.timeout(READ_TIMEOUT_S):
            while len(found) < count:
                for records in (await self.reader.read_batch(max_records, 0.5)).values():
                    found.extend(records)
        return found

    async def read_until_owning(self, count: int) -> None:
        async with asyncio.timeout(READ_TIMEOUT_S):
            while len(self.owned) != count:
                await self.reader.read_batch(1, 0.1)


@asynccontextmanager
async def joined(
    log: EventLog, topic: str, group: str | None = None, start_at: dict[int, int] | None = None
) -> AsyncIterator[Member]:
    member = Member(log, topic, group or fresh_topic("group"), start_at)
    await member.reader.start()
    try:
        yield member
    finally:
        await member.reader.close()


def outgoing(topic: str, partition: int, number: int, value: bytes | None = None) -> Outgoing:
    key = f"client-{number}".encode()
    return Outgoing(topic, partition, key, (("ce_id", str(number).encode()),), value or f"fact {number}".encode())


async def fill(log: EventLog, topic: str, partition: int, numbers: range) -> None:
    await log.append([outgoing(topic, partition, number) for number in numbers], APPEND_TIMEOUT_S)


def values(records: Sequence[Record]) -> list[str]:
    return [record.value.decode() for record in records]


class TestTopics:
    async def test_a_topic_that_nobody_created_has_no_partitions(self, log: EventLog) -> None:
        name = fresh_topic("unknown")
        assert await log.partitions(name) == 0
        assert await log.end_offsets(name) == {}

    async def test_creating_a_topic_again_changes_nothing(self, log: EventLog, topic: str) -> None:
        await fill(log, topic, 0, range(3))
        other = fresh_topic("other")
        await log.create_topics({topic: PARTITIONS + 3, other: 1})
        assert await log.partitions(topic) == PARTITIONS
        assert await log.partitions(other) == 1
        assert await log.end_offsets(topic) == {0: 3, 1: 0, 2: 0, 3: 0}

    async def test_appending_to_a_topic_that_does_not_exist_is_unavailable(self, log: EventLog) -> None:
        with pytest.raises(LogUnavailable, match="does not exist"):
            await log.append([outgoing(fresh_topic("unknown"), 0, 1)], APPEND_TIMEOUT_S)

    async def test_appending_to_a_partition_that_does_not_exist_is_a_defect(self, log: EventLog, topic: str) -> None:
        with pytest.raises(ValueError, match="no partition 4"):
            await log.append([outgoing(topic, PARTITIONS, 1)], APPEND_TIMEOUT_S)


class TestAppending:
    async def test_keyed_records_lie_in_the_lane_of_their_key_in_order(self, log: EventLog, topic: str) -> None:
        keys = [f"client-{number}" for number in range(20)]
        sent = [
            Outgoing(topic, lane_of(key, PARTITIONS), key.encode(), (), f"{key}:{turn}".encode())
            for turn in range(5)
            for key in keys
        ]
        await log.append(sent, APPEND_TIMEOUT_S)
        async with joined(log, topic) as member:
            found = await member.read(len(sent))
        assert len(found) == len(sent)
        for key in keys:
            of_key = [record for record in found if record.key == key.encode()]
            assert {record.partition for record in of_key} == {lane_of(key, PARTITIONS)}
            assert values(of_key) == [f"{key}:{turn}" for turn in range(5)]

    async def test_offsets_of_a_partition_are_contiguous_from_zero(self, log: EventLog, topic: str) -> None:
        for start in range(0, 30, 10):
            await fill(log, topic, 1, range(start, start + 10))
        async with joined(log, topic) as member:
            found = await member.read(30)
        assert [(record.partition, record.offset) for record in found] == [(1, offset) for offset in range(30)]
        assert values(found) == [f"fact {number}" for number in range(30)]
        assert await log.end_offsets(topic) == {0: 0, 1: 30, 2: 0, 3: 0}

    async def test_many_appenders_at_once_lose_nothing(self, log: EventLog, topic: str) -> None:
        await asyncio.gather(*(fill(log, topic, number % 4, range(number * 5, number * 5 + 5)) for number in range(40)))
        async with joined(log, topic) as member:
            found = await member.read(200)
        assert sorted(values(found)) == sorted(f"fact {number}" for number in range(200))
        for number in range(40):
            own = [
                record.offset
                for record in found
                if record.value in {f"fact {number * 5 + n}".encode() for n in range(5)}
            ]
            assert own == sorted(own)

    async def test_keys_headers_and_empty_values_come_back_as_they_were(self, log: EventLog, topic: str) -> None:
        headers = (("ce_id", b"1"), ("ce_id", b"again"), ("empty", b""), ("bytes", bytes(range(256))))
        sent = [
            Outgoing(topic, 2, b"key", headers, b"value"),
            Outgoing(topic, 2, b"", (), b""),
            Outgoing(topic, 2, "Łódź".encode(), (("name", "é".encode()),), b"\x00"),
        ]
        await log.append(sent, APPEND_TIMEOUT_S)
        async with joined(log, topic) as member:
            found = await member.read(3)
        assert [Outgoing(one.topic, one.partition, one.key, one.headers, one.value) for one in found] == sent
        assert all(one.timestamp_ms > 1_600_000_000_000 for one in found)

    async def test_a_megabyte_goes_through(self, log: EventLog, topic: str) -> None:
        value = os.urandom(1024 * 1024)
        await log.append([outgoing(topic, 0, 1, value), outgoing(topic, 0, 2, value[::-1])], APPEND_TIMEOUT_S)
        async with joined(log, topic) as member:
            found = await member.read(2)
        assert [one.value for one in found] == [value, value[::-1]]

    async def test_a_record_that_is_too_large_is_refused_before_it_blocks_a_lane(
        self, log: EventLog, topic: str
    ) -> None:
        with pytest.raises(ValueError, match="bytes, more than"):
            await log.append([outgoing(topic, 0, 1, bytes(MAX_RECORD_BYTES + 1))], APPEND_TIMEOUT_S)
        assert await log.end_offsets(topic) == {0: 0, 1: 0, 2: 0, 3: 0}

    async def test_the_largest_record_goes_through(self, log: EventLog, topic: str) -> None:
        value = os.urandom(MAX_RECORD_BYTES - 100)
        await log.append([outgoing(topic, 0, 1, value)], APPEND_TIMEOUT_S)
        async with joined(log, topic) as member:
            assert [one.value for one in await member.read(1)] == [value]

    async def test_more_than_one_batch_of_the_client_stays_in_order(self, log: EventLog, topic: str) -> None:
        sent = [outgoing(topic, number % 2, number, os.urandom(3000)) for number in range(600)]
        await log.append(sent, APPEND_TIMEOUT_S)
        async with joined(log, topic) as member:
            found = await member.read(600)
        for lane in (0, 1):
            assert [one.value for one in found if one.partition == lane] == [
                one.value for one in sent if one.partition == lane
            ]

    async def test_appending_nothing_is_nothing(self, log: EventLog, topic: str) -> None:
        await log.append([], APPEND_TIMEOUT_S)
        assert sum((await log.end_offsets(topic)).values()) == 0

    async def test_a_closed_log_says_so(self, log: EventLog, topic: str) -> None:
        await log.close()
        await log.close()
        with pytest.raises(LogUnavailable):
            await fill(log, topic, 0, range(1))
        with pytest.raises(LogUnavailable):
            await log.partitions(topic)


class TestReading:
    async def test_a_batch_is_never_larger_than_asked(self, log: EventLog, topic: str) -> None:
        for lane in range(PARTITIONS):
            await fill(log, topic, lane, range(25))
        async with joined(log, topic) as member:
            found: list[Record] = []
            async with asyncio.timeout(READ_TIMEOUT_S):
                while len(found) < 100:
                    batch = await member.reader.read_batch(7, 0.5)
                    assert sum(map(len, batch.values())) <= 7
                    for partition, records in batch.items():
                        assert all((one.topic, one.partition) == partition for one in records)
                        found.extend(records)
        for lane in range(PARTITIONS):
            assert [one.offset for one in found if one.partition == lane] == list(range(25))

    async def test_nothing_comes_after_the_timeout_and_what_is_appended_wakes_the_reader(
        self, log: EventLog, topic: str
    ) -> None:
        async with joined(log, topic) as member:
            await member.read_until_owning(PARTITIONS)
            assert await member.reader.read_batch(10, 0.05) == {}
            waiting = asyncio.create_task(member.read(1))
            await fill(log, topic, 3, range(1))
            assert values(await waiting) == ["fact 0"]

    async def test_seeking_back_replays_the_same_records(self, log: EventLog, topic: str) -> None:
        await fill(log, topic, 0, range(20))
        async with joined(log, topic) as member:
            first = await member.read(20)
            member.reader.seek(Partition(topic, 0), 5)
            assert await member.read(15) == first[5:]

    async def test_reading_begins_where_the_owner_seeks_on_assignment(self, log: EventLog, topic: str) -> None:
        await fill(log, topic, 0, range(10))
        await fill(log, topic, 1, range(10))
        async with joined(log, topic, start_at={0: 7, 1: 10}) as member:
            assert values(await member.read(3)) == ["fact 7", "fact 8", "fact 9"]
            await fill(log, topic, 1, range(10, 11))
            assert values(await member.read(1)) == ["fact 10"]

    @pytest.mark.parametrize("offset", [4, 1_000_000])
    async def test_an_offset_that_is_not_there_yet_is_missing_until_one_seeks(
        self, log: EventLog, topic: str, offset: int
    ) -> None:
        await fill(log, topic, 0, range(3))
        async with joined(log, topic, start_at={0: offset}) as member:
            for _ in range(2):
                with pytest.raises(OffsetMissing) as raised:
                    await member.read(1)
                assert (raised.value.partition, raised.value.offset) == (Partition(topic, 0), offset)
            member.reader.seek(Partition(topic, 0), 2)
            assert values(await member.read(1)) == ["fact 2"]

    async def test_a_paused_partition_delivers_nothing_and_goes_on_where_it_was(
        self, log: EventLog, topic: str
    ) -> None:
        lane = Partition(topic, 0)
        await fill(log, topic, 0, range(10))
        async with joined(log, topic) as member:
            first = await member.read(4, max_records=4)
            member.reader.pause(lane)
            await fill(log, topic, 1, range(100, 103))
            assert {one.partition for one in await member.read(3)} == {1}
            assert await member.reader.read_batch(100, 0.3) == {}
            member.reader.resume(lane)
            rest = await member.read(10 - len(first))
        assert [one.offset for one in (*first, *rest)] == list(range(10))

    async def test_nothing_is_delivered_before_the_owner_has_claimed(self, log: EventLog, topic: str) -> None:
        await fill(log, topic, 0, range(5))
        member = Member(log, topic, fresh_topic("group"), {0: 3})
        member.may_claim.clear()

        async def read_all() -> list[Record]:
            await member.reader.start()
            return await member.read(2)

        reading = asyncio.create_task(read_all())
        async with asyncio.timeout(READ_TIMEOUT_S):
            await member.claiming.wait()
        # Long enough for a client that fetches too early to have delivered.
        await asyncio.wait([reading], timeout=1.0)
        assert not reading.done()
        member.may_claim.set()
        assert values(await reading) == ["fact 3", "fact 4"]
        await member.reader.close()

    async def test_a_failing_claim_is_told_to_the_reader_and_nothing_is_delivered(
        self, log: EventLog, topic: str
    ) -> None:
        await fill(log, topic, 0, range(5))

        async def refuse(partitions: Sequence[Partition]) -> None:
            raise ConnectionError("no database")

        async def ignore(partitions: Sequence[Partition]) -> None:
            return

        reader = log.reader(fresh_topic("group"), [topic], refuse, ignore)
        await reader.start()
        with pytest.raises(ConnectionError, match="no database"):
            await reader.read_batch(10, READ_TIMEOUT_S)
        assert await reader.read_batch(10, 0.3) == {}
        await reader.close()

    async def test_orders_for_a_partition_that_is_not_owned_do_nothing(self, log: EventLog, topic: str) -> None:
        stranger = Partition("stranger", 0)
        async with joined(log, topic) as member:
            await member.read_until_owning(PARTITIONS)
            member.reader.seek(stranger, 5)
            member.reader.pause(stranger)
            member.reader.resume(stranger)
            await fill(log, topic, 0, range(1))
            assert values(await member.read(1)) == ["fact 0"]

    async def test_reporting_a_position_moves_nothing(self, log: EventLog, topic: str) -> None:
        await fill(log, topic, 0, range(5))
        group = fresh_topic("group")
        async with joined(log, topic, group) as member:
            await member.read(5)
            await member.reader.report_position({Partition(topic, 0): 5})
            await member.reader.report_position({Partition("stranger", 0): 5})
        # What the broker was told is for its dashboards: the next owner begins where it seeks.
        async with joined(log, topic, group, {0: 2}) as member:
            assert values(await member.read(3)) == ["fact 2", "fact 3", "fact 4"]


class TestGroups:
    async def test_two_groups_each_get_everything(self, log: EventLog, topic: str) -> None:
        await fill(log, topic, 0, range(5))
        async with joined(log, topic) as one, joined(log, topic) as other:
            assert await one.read(5) == await other.read(5)

    async def test_a_member_that_leaves_hands_over(self, log: EventLog, topic: str) -> None:
        group = fresh_topic("group")
        await fill(log, topic, 0, range(5))
        async with joined(log, topic, group) as first:
            assert len(await first.read(5)) == 5
        async with joined(log, topic, group, {0: 5}) as second:
            await second.read_until_owning(PARTITIONS)
            await fill(log, topic, 0, range(5, 6))
            assert values(await second.read(1)) == ["fact 5"]

    async def test_a_member_that_waits_takes_over_when_the_others_have_left(self, log: EventLog, topic: str) -> None:
        group = fresh_topic("group")
        async with joined(log, topic, group) as second:
            async with joined(log, topic, group) as first:
                reading = asyncio.create_task(second.read_until_owning(PARTITIONS))
                async with asyncio.timeout(READ_TIMEOUT_S):
                    while not reading.done() and not first.owned:
                        await first.reader.read_batch(1, 0.1)
            await reading
            await fill(log, topic, 2, range(1))
            assert values(await second.read(1)) == ["fact 0"]

    async def test_two_members_split_the_partitions(
        self, log: EventLog, topic: str, request: pytest.FixtureRequest
    ) -> None:
        if not isinstance(log, KafkaLog):
            request.applymarker(pytest.mark.xfail(strict=True, reason="one process owns everything"))
        group = fresh_topic("group")
        async with joined(log, topic, group) as one, joined(log, topic, group) as other:
            async with asyncio.timeout(READ_TIMEOUT_S if isinstance(log, KafkaLog) else 0.5):
                while not (len(one.owned) == len(other.owned) == PARTITIONS // 2):
                    await asyncio.gather(one.reader.read_batch(1, 0.1), other.reader.read_batch(1, 0.1))
            assert one.owned | other.owned == set(range(PARTITIONS))
            for lane in range(PARTITIONS):
                await fill(log, topic, lane, range(lane, lane + 1))
            mine, theirs = await asyncio.gather(one.read(2), other.read(2))
            assert [{record.partition for record in read} for read in (mine, theirs)] == [one.owned, other.owned]
