"""Compacted topics (D19) on every backend: the last record of each key stays, older ones go, offsets keep rising."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.log.kafka import KafkaSettings, open_kafka_log
from shared.log.port import EventLog, Outgoing, Record
from shared.log.sqlite import open_sqlite_log
from tests.shared.test_log_contract import APPEND_TIMEOUT_S, joined, values
from tests.support.kafka import fresh_topic

COMPACTION_TIMEOUT_S = 60.0
# Each append closes the segment before it, and one stale record is reason enough for the broker's cleaner.
AT_ONCE = {"segment.ms": "1", "max.compaction.lag.ms": "1", "min.cleanable.dirty.ratio": "0.0"}


@pytest.fixture(params=["sqlite", "memory", pytest.param("kafka", marks=pytest.mark.servers)])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    opened: EventLog
    if request.param == "kafka":
        opened = open_kafka_log(request.getfixturevalue("kafka_server"), KafkaSettings(topic_settings=AT_ONCE))
    else:
        opened = open_sqlite_log(tmp_path / "log.db" if request.param == "sqlite" else None)
    yield opened
    await opened.close()


@pytest.fixture
async def topic(log: EventLog) -> str:
    name = fresh_topic("compacted")
    await log.create_topics({name: 2}, [name])
    return name


async def put(log: EventLog, topic: str, *pairs: str, lane: int = 0) -> None:
    """Append `key=value` pairs."""
    split = [pair.split("=") for pair in pairs]
    await log.append(
        [Outgoing(topic, lane, key.encode(), (), value.encode()) for key, value in split], APPEND_TIMEOUT_S
    )


async def read_to(log: EventLog, topic: str, last: str, start_at: int = 0) -> list[Record]:
    """Read lane 0 from an offset up to the record with this value."""
    found: list[Record] = []
    async with joined(log, topic, start_at={0: start_at}) as member:
        # The other lane's records come in between, and perhaps last.
        while last not in values(found):
            found += [record for record in await member.read(1) if record.partition == 0]
    return found


async def compacted(log: EventLog, topic: str, gone: str) -> list[Record]:
    """Write on under a key of its own until a value has gone; return what a reader from 0 then finds of other keys.

    Values must be unique in the topic: it is by value that a record is looked for here.
    """
    turn = 0
    async with asyncio.timeout(COMPACTION_TIMEOUT_S):
        while True:
            turn += 1
            await put(log, topic, f"clock=turn {turn}")
            found = await read_to(log, topic, f"turn {turn}")
            if gone not in values(found):
                return [record for record in found if record.key != b"clock"]
            await asyncio.sleep(0.2)


async def test_a_reader_from_the_start_finds_the_latest_of_each_key_in_order(log: EventLog, topic: str) -> None:
    await put(log, topic, "ann=first", "bob=first", "eve=only")
    await put(log, topic, "ann=second")
    await put(log, topic, "bob=last", "ann=last")
    found = await compacted(log, topic, gone="second")
    assert [(record.key, record.value, record.offset) for record in found] == [
        (b"eve", b"only", 2),
        (b"bob", b"last", 4),
        (b"ann", b"last", 5),
    ]


async def test_of_a_key_twice_in_one_append_the_last_stays(log: EventLog, topic: str) -> None:
    await put(log, topic, "ann=first", "bob=one", "ann=second", "ann=third")
    found = await compacted(log, topic, gone="second")
    assert [(record.value, record.offset) for record in found] == [(b"one", 1), (b"third", 3)]


async def test_a_reader_that_stands_at_a_record_that_is_gone_reads_on_behind_it(log: EventLog, topic: str) -> None:
    await put(log, topic, "bob=kept", "ann=old", "ann=older still", "ann=new")
    await compacted(log, topic, gone="old")
    await put(log, topic, "end=end")
    found = await read_to(log, topic, "end", start_at=1)
    assert [record.offset for record in found if record.key == b"ann"] == [3]


async def test_partitions_and_topics_do_not_disturb_each_other(log: EventLog, topic: str) -> None:
    plain = fresh_topic("plain")
    await log.create_topics({plain: 2})
    for value in ("1", "2"):
        await put(log, plain, f"ann={value}")
        await put(log, topic, f"ann={value}", lane=1)
    await put(log, topic, "ann=lane 0", "bob=old", "bob=new")
    assert values(await compacted(log, topic, gone="old")) == ["lane 0", "new"]
    async with joined(log, plain) as member:
        assert values(await member.read(2)) == ["1", "2"]
    async with joined(log, topic, start_at={1: 1}) as member:
        found: list[Record] = []
        while "2" not in values([record for record in found if record.partition == 1]):
            found += await member.read(1)


async def test_a_waiting_reader_is_woken_and_sees_every_state_that_it_is_there_for(log: EventLog, topic: str) -> None:
    async with joined(log, topic) as member:
        await member.read_until_owning(2)
        for turn in range(3):
            await put(log, topic, f"ann={turn}")
            assert values(await member.read(1)) == [str(turn)]
    assert await log.end_offsets(topic) == {0: 3, 1: 0}


@pytest.mark.servers
async def test_the_broker_is_told_to_keep_what_was_replaced_for_a_day_at_most(kafka_server: str) -> None:
    log, name = open_kafka_log(kafka_server), fresh_topic("compacted")
    await log.create_topics({name: 1}, [name])
    await log.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server)
    await admin.start()
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    await admin.close()
    [(_, _, _, _, entries)] = answer.resources
    told = {entry[0]: entry[1] for entry in entries}
    assert told["cleanup.policy"] == "compact"
    assert told["max.compaction.lag.ms"] == str(24 * 60 * 60 * 1000)


async def test_a_file_opened_again_goes_on_compacting_where_it_was(tmp_path: Path) -> None:
    for turn in range(3):
        log = open_sqlite_log(tmp_path / "log.db")
        await log.create_topics({"contacts": 1}, ["contacts"])
        assert await log.end_offsets("contacts") == {0: 2 * turn}
        await put(log, "contacts", f"ann=ann {turn}", f"bob=bob {turn}")
        found = await read_to(log, "contacts", f"bob {turn}")
        await log.close()
    assert [(record.value, record.offset) for record in found] == [(b"ann 2", 4), (b"bob 2", 5)]


async def test_what_was_replaced_is_not_left_in_the_file(tmp_path: Path) -> None:
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({"contacts": 1}, ["contacts"])
    await put(log, "contacts", "ann=ann@old.example")
    await put(log, "contacts", "ann=ann@new.example")
    await log.close()
    kept = (tmp_path / "log.db").read_bytes()
    assert b"ann@new.example" in kept
    assert b"ann@old.example" not in kept
