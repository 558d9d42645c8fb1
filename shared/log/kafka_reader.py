"""Reading from Kafka as a member of a group: batches only, positions from outside, every wait bounded.

aiokafka calls the listener while a rebalance is under way and swallows what it raises; and it begins to fetch a
partition as soon as it is assigned. So partitions are paused until `assigned` has come back, and its errors are kept
for `read_batch`.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from shared.log.kafka_foreign import read_any_header
from shared.log.port import Assigned, Headers, LogUnavailable, OffsetMissing, Partition, Record, Revoked

_REPORT_TIMEOUT_S = 2.0
_LEAVE_TIMEOUT_S = 5.0
_LET_GO_TIMEOUT_S = 2.0
_CONTENT = itemgetter(1)
_LOOK_AGAIN_S = 0.02


class KafkaReader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no type information
    """A `Reader` on Kafka."""

    def __init__(self, options: Mapping[str, Any], topics: Sequence[str], assigned: Assigned, revoked: Revoked) -> None:
        """`options` are the consumer's arguments; nothing is connected before `start`."""
        self._options, self._topics = options, tuple(topics)
        self._assigned, self._revoked = assigned, revoked
        self._consumer: AIOKafkaConsumer | None = None
        self._owned: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._settled = asyncio.Event()
        self._failure: Exception | None = None
        self.failed_reports = 0
        """How many calls of `report_position` the broker did not take."""

    async def start(self) -> None:
        """Connect and begin to join; LogUnavailable when no broker answers. The assignment comes by callback."""
        consumer = AIOKafkaConsumer(**self._options)
        self._consumer = consumer
        try:
            async with asyncio.timeout(self._options["request_timeout_ms"] / 1000):
                await consumer.start()
            consumer.subscribe(topics=list(self._topics), listener=self)
        except (TimeoutError, KafkaError, OSError) as error:
            await self.close()
            raise LogUnavailable(f"cannot join a group on Kafka: {error!r}") from error

    async def read_batch(self, max_records: int, timeout_s: float) -> Mapping[Partition, Sequence[Record]]:
        """Return what has come; see the port."""
        consumer = self._consumer
        assert consumer is not None, "read_batch before start"
        deadline = asyncio.get_running_loop().time() + timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        try:
            _check_background(consumer)
            if not self._settled.is_set():
                return {}
            # `getmany` waits for the end of a rebalance that begins meanwhile, hence the outer limit.
            async with asyncio.timeout_at(deadline + 1.0):
                found = await self._fetched(consumer, max_records, deadline)
        except TimeoutError:
            return {}
        except OffsetOutOfRangeError as error:
            [(where, offset)] = error.args[0].items()
            raise OffsetMissing(Partition(*where), offset) from error
        except NoOffsetForPartitionError as error:
            raise OffsetMissing(Partition(*error.args[0]), -1) from error
        except UnicodeDecodeError as error:
            read_any_header()
            raise LogUnavailable("a header has a name that is no UTF-8: joining again, to read on slower") from error
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"reading from Kafka failed: {error!r}") from error
        return {Partition(*where): [_record(one) for one in records] for where, records in found.items()}

    async def _fetched(self, consumer: AIOKafkaConsumer, max_records: int, deadline: float) -> Any:
        """Return what has come for partitions that are not paused; nothing at the deadline.

        aiokafka is never told of a pause: at its next look it would throw away what it has fetched of the partition,
        and a consumer that is slower than the broker would have everything sent several times. So partitions are named
        instead, which leaves the others' records where they are, and the broker is not asked for more of those.
        """
        clock = asyncio.get_running_loop().time
        while self._settled.is_set():
            left_s = max(0.0, deadline - clock())
            if not self._paused:
                return await consumer.getmany(timeout_ms=int(left_s * 1000), max_records=max_records)
            look_s = min(left_s, _LOOK_AGAIN_S)
            if wanted := [TopicPartition(*one) for one in self._owned - self._paused]:
                found = await consumer.getmany(*wanted, timeout_ms=int(look_s * 1000), max_records=max_records)
                if found:
                    return found
            else:
                # Without a name `getmany` means all. A member that asks for nothing for minutes has to leave the group:
                # aiokafka counts the time in this context as asking (private to it).
                with consumer._subscription.fetch_context():
                    await asyncio.sleep(look_s)
            if look_s == left_s:
                break
        return {}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`."""
        if self._consumer is not None and partition in self._owned:
            with contextlib.suppress(IllegalStateError):
                self._consumer.seek(TopicPartition(*partition), offset)

    def pause(self, partition: Partition) -> None:
        """Deliver nothing of this partition until `resume`."""
        if partition in self._owned:
            self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        """Deliver again."""
        self._paused.discard(partition)

    async def report_position(self, positions: Mapping[Partition, int]) -> None:
        """Commit offsets for dashboards; a failure is counted in `failed_reports`."""
        if self._consumer is None:
            return
        offsets = {TopicPartition(*partition): offset for partition, offset in positions.items()}
        try:
            async with asyncio.timeout(_REPORT_TIMEOUT_S):
                await self._consumer.commit(offsets)
        except (TimeoutError, KafkaError, OSError, ValueError):
            self.failed_reports += 1

    async def close(self) -> None:
        """Leave the group within a bounded time."""
        consumer, self._consumer = self._consumer, None
        self._owned.clear()
        if consumer is None:
            return
        try:
            async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                await consumer.stop()
        except Exception:  # noqa: BLE001 - a member that cannot leave in order is ended; its session runs out
            await _let_go(consumer)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Tell the owner of this reader, before the group goes on."""
        self._settled.clear()
        self._owned.clear()
        self._paused.clear()
        if revoked:
            try:
                await self._revoked(sorted(Partition(*where) for where in revoked))
            except Exception as error:  # noqa: BLE001 - aiokafka would only log it; `read_batch` raises it
                self._failure = error

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Tell the owner of this reader, who seeks, before anything is delivered."""
        consumer = self._consumer
        if consumer is None:
            return
        partitions = sorted(Partition(*where) for where in assigned)
        self._owned = set(partitions)
        for where in assigned:
            consumer.pause(where)
            # With a position there is no look at the offsets that the broker keeps.
            consumer.seek(where, 0)
        try:
            await self._assigned(partitions)
        except Exception as error:  # noqa: BLE001 - aiokafka would only log it; `read_batch` raises it
            self._failure = error
        else:
            consumer.resume(*assigned)
        self._settled.set()


def _record(found: Any) -> Record:
    """Return what aiokafka read as a record; other producers may leave out key, value and contents of headers."""
    return Record(
        found.topic,
        found.partition,
        found.offset,
        found.key or b"",
        _headers(found.headers),
        found.value or b"",
        found.timestamp,
    )


def _headers(found: Sequence[tuple[str, Any]]) -> Headers:
    """Return headers without missing contents. Ours have none: looking costs half of building a dozen of them anew."""
    if None in map(_CONTENT, found):
        return tuple((name, content or b"") for name, content in found)
    return tuple(found)


def _check_background(consumer: AIOKafkaConsumer) -> None:
    """Raise what ended aiokafka's background tasks, which would otherwise be silence (private there, hence one place).

    Errors of the group wait in the coordinator until someone asks; a fetcher that died delivers nothing for ever.
    """
    consumer._coordinator.check_errors()
    if consumer._fetcher.error_future.done():
        raise KafkaError("the fetcher has ended")


async def _let_go(consumer: AIOKafkaConsumer) -> None:
    """End what `stop` has left when it did not come to its end (private to aiokafka, there is no public way)."""
    coordinator, fetcher = consumer._coordinator, consumer._fetcher
    tasks = [
        task
        for task in (
            getattr(coordinator, "_coordination_task", None),
            getattr(coordinator, "_heartbeat_task", None),
            getattr(coordinator, "_commit_refresh_task", None),
            getattr(fetcher, "_fetch_task", None),
        )
        if task is not None and not task.done()
    ]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_LET_GO_TIMEOUT_S)
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_LET_GO_TIMEOUT_S):
            await consumer._client.close()
