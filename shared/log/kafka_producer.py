"""Appending to Kafka: batches to given partitions, one producer object at a time, given up at the first doubt.

An idempotent producer of aiokafka 0.14 never lets a batch expire and hangs in `stop()` while no broker answers
(aiokafka #1101), and is dead after an out-of-order sequence number (#1017). So every wait has an end; after a failure
the object is thrown away, and what it had under way may still arrive. Ids in the next ledger remove the repeats.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.log.port import LogUnavailable, Outgoing

_BATCH_BYTES = 512 * 1024
_LET_GO_TIMEOUT_S = 2.0


class KafkaAppender:
    """Owns the producer object of one process."""

    def __init__(self, connection: Mapping[str, Any], compression: str | None, request_timeout_s: float) -> None:
        """`connection` holds the arguments that all clients of aiokafka share."""
        self._connection, self._compression, self._request_timeout_s = connection, compression, request_timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def append(self, records: Sequence[Outgoing], timeout_s: float) -> None:
        """Append to partitions that exist; LogUnavailable when the broker has not confirmed all in time."""
        lanes: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            lanes.setdefault((record.topic, record.partition), []).append(record)
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(timeout_s):
                producer = await self._open()
                async with asyncio.TaskGroup() as tasks:
                    for lane in lanes.values():
                        tasks.create_task(_send_lane(producer, lane))
        except TimeoutError as error:
            self._abandon(producer)
            raise LogUnavailable(f"Kafka did not confirm within {timeout_s:.3g} s") from error
        except (ExceptionGroup, KafkaError, OSError) as error:
            self._abandon(producer)
            first = _first(error)
            if isinstance(first, KafkaError | OSError):
                raise LogUnavailable(f"Kafka refused an append: {first!r}") from error
            raise first from error
        except asyncio.CancelledError:
            # Part of the records may be under way; a producer that goes on alone would send them behind later ones.
            self._abandon(producer)
            raise

    async def close(self) -> None:
        """Let go of the producer within a bounded time."""
        self._abandon(self._producer)
        if self._leaving:
            await asyncio.wait(set(self._leaving), timeout=2 * _LET_GO_TIMEOUT_S)

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is not None:
                return self._producer
            producer = AIOKafkaProducer(
                **self._connection,
                acks="all",
                enable_idempotence=True,
                compression_type=self._compression,
                max_batch_size=_BATCH_BYTES,
                request_timeout_ms=int(self._request_timeout_s * 1000),
            )
            try:
                await producer.start()
            except BaseException:
                # Also when cancelled by the timeout: `start` waits for a producer id without end.
                self._abandon(producer)
                raise
            self._producer = producer
            return producer

    def _abandon(self, producer: AIOKafkaProducer | None) -> None:
        """Give a producer up; the next append makes a new one. Its connections are closed beside."""
        if producer is None:
            return
        if self._producer is producer:
            self._producer = None
        task = asyncio.get_running_loop().create_task(_let_go(producer), name="abandoned Kafka producer")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _send_lane(producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
    """Send the records of one partition in order; each batch is confirmed before the next one leaves."""
    topic, partition = records[0].topic, records[0].partition
    batch = producer.create_batch()
    for record in records:
        while batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers)) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
    await (await producer.send_batch(batch, topic, partition=partition))


async def _let_go(producer: AIOKafkaProducer) -> None:
    """End a producer for good, whatever state it is in."""
    # Its sender would try for ever to deliver what is queued, and `stop` waits for that: fail all of it first (private
    # to aiokafka, there is no public way). Other appends under way on the same object fail at once with it.
    waiting = producer._message_accumulator
    futures = [batch.future for batches in waiting._batches.values() for batch in batches]
    futures += [batch.future for batch in waiting._pending_batches]
    waiting.fail_all(KafkaError("the producer was given up"))
    for future in futures:
        # Whoever waited has been told or has gone: asyncio need not complain that nobody looked.
        if future.done() and not future.cancelled():
            future.exception()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_LET_GO_TIMEOUT_S):
            await producer.stop()
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_LET_GO_TIMEOUT_S):
            await producer.client.close()


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
