"""What producers other than ours may put on a topic, and our own libraries would never write."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiokafka.producer.message_accumulator as accumulator
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from shared.log.kafka import KafkaLog, open_kafka_log
from shared.log.port import LogUnavailable
from tests.shared.test_log_contract import fill, joined, values
from tests.support.kafka import fresh_topic

pytestmark = pytest.mark.servers


class Name(str):
    """A header's name that is no UTF-8, as a producer in C may write it."""

    def encode(self, *_: Any) -> bytes:
        return b"r\xe9gion"


@pytest.fixture
async def log(kafka_server: str) -> AsyncIterator[KafkaLog]:
    opened = open_kafka_log(kafka_server)
    yield opened
    await opened.close()


async def produce(
    server: str, topic: str, key: bytes | None, headers: Sequence[tuple[str, Any]], value: bytes | None
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=server, acks="all")
    await producer.start()
    try:
        batch = producer.create_batch()
        assert batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is not None
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()


async def test_what_is_left_out_is_empty(log: KafkaLog, kafka_server: str) -> None:
    topic = fresh_topic("foreign")
    await log.create_topics({topic: 1})
    await produce(kafka_server, topic, None, [("ce_id", None)], None)
    async with joined(log, topic) as member:
        (record,) = await member.read(1)
    assert (record.key, record.headers, record.value) == (b"", (("ce_id", b""),), b"")


async def test_a_header_whose_name_is_no_utf_8_stops_nothing(
    log: KafkaLog, kafka_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = fresh_topic("foreign")
    await log.create_topics({topic: 1})
    await fill(log, topic, 0, range(2))
    with monkeypatch.context() as patched:
        patched.setattr(accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
        await produce(kafka_server, topic, b"k", [(Name("x"), b"1"), ("ce_id", b"7")], b"foreign")
    await fill(log, topic, 0, range(3, 5))
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    async with joined(log, topic) as member:
        with pytest.raises(LogUnavailable, match="no UTF-8"):
            await member.read(5)
    async with joined(log, topic) as member:
        records = await member.read(5)
    assert values(records) == ["fact 0", "fact 1", "foreign", "fact 3", "fact 4"]
    assert records[2].headers == (("r\ufffdgion", b"1"), ("ce_id", b"7"))
