"""What only a real broker can do to us: vanish, come back, stand still."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from aiokafka import AIOKafkaProducer

from shared.log.kafka import KafkaLog, KafkaSettings, open_kafka_log
from shared.log.port import LogUnavailable, Outgoing, Partition
from tests.shared.test_log_contract import fill, joined, values
from tests.support.kafka import KafkaServer, fresh_topic

pytestmark = pytest.mark.servers


@pytest.fixture
async def log(own_kafka: KafkaServer) -> AsyncIterator[KafkaLog]:
    opened = open_kafka_log(own_kafka.bootstrap, KafkaSettings(request_timeout_s=3.0))
    yield opened
    began = monotonic()
    await opened.close()
    assert monotonic() - began < 10


async def append_late(log: KafkaLog, topic: str, timeout_s: float) -> None:
    await log.append([Outgoing(topic, 0, b"key", (), b"late")], timeout_s)


async def fill_when_back(log: KafkaLog, topic: str, numbers: range) -> None:
    """Append until the broker has taken it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await fill(log, topic, 0, numbers)
                return
            except LogUnavailable:
                await asyncio.sleep(0.1)


async def test_a_broker_that_is_gone_is_unavailable_in_time_and_used_again_when_it_is_back(
    log: KafkaLog, own_kafka: KafkaServer
) -> None:
    topic = fresh_topic("outage")
    await log.create_topics({topic: 1})
    await fill(log, topic, 0, range(3))
    async with joined(log, topic) as member:
        await member.read(3)
        await asyncio.to_thread(own_kafka.stop, kill=True)
        began = monotonic()
        with pytest.raises(LogUnavailable):
            await append_late(log, topic, 2.0)
        assert monotonic() - began < 3.0
        with pytest.raises(LogUnavailable):
            await log.partitions(topic)
        with pytest.raises(LogUnavailable):
            await log.end_offsets(topic)
        assert await member.reader.read_batch(10, 0.2) == {}
        await member.reader.report_position({Partition(topic, 0): 3})
        await asyncio.to_thread(own_kafka.start)
        await fill_when_back(log, topic, range(10, 12))
        # What was under way when the broker went may have arrived or not; what was confirmed is there, in order.
        found: list[str] = []
        async with asyncio.timeout(60):
            while not found or found[-1] != "fact 11":
                for records in (await member.reader.read_batch(10, 0.5)).values():
                    found += values(records)
        assert found[-2:] == ["fact 10", "fact 11"]
        assert await log.partitions(topic) == 1


async def test_a_broker_that_stands_still_holds_nobody_up(log: KafkaLog, own_kafka: KafkaServer) -> None:
    topic = fresh_topic("frozen")
    await log.create_topics({topic: 1})
    await fill(log, topic, 0, range(3))
    async with joined(log, topic) as member:
        await member.read(3)
        own_kafka.freeze()
        try:
            began = monotonic()
            with pytest.raises(LogUnavailable, match="within 1 s"):
                await append_late(log, topic, 1.0)
            assert monotonic() - began < 2.0
            with pytest.raises(LogUnavailable):
                await log.partitions(topic)
            assert await member.reader.read_batch(10, 0.2) == {}
            began = monotonic()
            await member.reader.close()
            assert monotonic() - began < 10
        finally:
            own_kafka.thaw()
    await fill_when_back(log, topic, range(10, 11))
    async with joined(log, topic) as member:
        found = values(await member.read(4))
    assert found[:3] == ["fact 0", "fact 1", "fact 2"]
    assert "fact 10" in found or "late" in found


async def test_what_was_fetched_outlives_a_pause(log: KafkaLog, own_kafka: KafkaServer) -> None:
    topic = fresh_topic("pause")
    await log.create_topics({topic: 1})
    await fill(log, topic, 0, range(100))
    async with joined(log, topic) as member:
        first = await member.read(1, max_records=1)
        member.reader.pause(Partition(topic, 0))
        assert await member.reader.read_batch(10, 0.2) == {}
        own_kafka.freeze()
        try:
            member.reader.resume(Partition(topic, 0))
            rest = await member.read(99)
        finally:
            own_kafka.thaw()
    assert values([*first, *rest]) == [f"fact {number}" for number in range(100)]


async def test_nobody_there_at_the_start_is_unavailable() -> None:
    log = open_kafka_log("127.0.0.1:1", KafkaSettings(request_timeout_s=2.0))
    for asked in (log.partitions("t"), log.end_offsets("t"), log.create_topics({"t": 1})):
        with pytest.raises(LogUnavailable):
            await asked
    with pytest.raises(LogUnavailable):
        await fill(log, "t", 0, range(1))
    with pytest.raises(LogUnavailable):
        async with joined(log, "t"):
            pass
    await log.close()


async def test_a_failing_report_is_counted(kafka_server: str) -> None:
    log = open_kafka_log(kafka_server)
    topic = fresh_topic("report")
    await log.create_topics({topic: 1})
    reader = log.reader(fresh_topic("group"), [topic], _ignore, _ignore)
    await reader.start()
    await reader.report_position({Partition("stranger", 0): 1})
    assert reader.failed_reports == 1
    await reader.close()
    await log.close()


async def test_what_other_producers_leave_out_is_read_as_empty(kafka_server: str) -> None:
    log = open_kafka_log(kafka_server)
    topic = fresh_topic("foreign")
    await log.create_topics({topic: 1})
    async with AIOKafkaProducer(bootstrap_servers=kafka_server) as producer:
        await producer.send_and_wait(
            topic, None, key=b"alone", headers=[("ce_id", b"1"), ("nothing", None)], partition=0
        )
        await producer.send_and_wait(topic, b"value", headers=[("ce_id", b"2")], partition=0)
    async with joined(log, topic) as member:
        first, second = await member.read(2)
    assert (first.key, first.headers, first.value) == (b"alone", (("ce_id", b"1"), ("nothing", b"")), b"")
    assert (second.key, second.headers, second.value) == (b"", (("ce_id", b"2"),), b"value")
    await log.close()


async def test_a_topic_that_the_broker_refuses_is_told(kafka_server: str) -> None:
    log = open_kafka_log(kafka_server)
    with pytest.raises(LogUnavailable, match="was not created"):
        await log.create_topics({"not a topic name": 1})
    await log.close()


def test_times_that_a_broker_would_refuse_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="session_timeout_s"):
        KafkaSettings(session_timeout_s=3.0)
    with pytest.raises(ValueError, match="heartbeat_s"):
        KafkaSettings(heartbeat_s=10.0)


async def _ignore(partitions: object) -> None:
    return
