"""One owned partition: its queue, its position, and what happens when a batch fails.

Three kinds of failure are kept apart. Fenced: another owner moved on; claim again. Passing (database, log): try the
same batch again in place, this partition alone waits. Anything else is the batch's own fault: bisect to the one record,
and keep that as a dead letter in the transaction that steps over it; too large a share of those stops the partition.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from shared.crashpoint import crash_point
from shared.db import positions
from shared.db.port import DatabaseUnavailable, Tx
from shared.events.base import COMPACTED
from shared.log.port import Partition, Reader, Record
from shared.runtime import metrics
from shared.runtime.backoff import Backoff
from shared.runtime.health import Health
from shared.runtime.service import Batch, Limits, Service, Subscription
from shared.telemetry import about, about_batch, logger, origins_of, span

_QUEUED_BATCHES_MAX = 2
_POISON_WINDOW = 1_000
_log = logger("partition")


class Fenced(Exception):
    """The stored position is not where this owner left it."""


class PartitionLoop:
    """Digests one partition in order."""

    def __init__(
        self,
        service: Service,
        subscription: Subscription,
        partition: Partition,
        reader: Reader,
        owner: str,
        limits: Limits,
        health: Health,
    ) -> None:
        """Nothing happens until `claim`."""
        self._service, self._subscription, self._partition = service, subscription, partition
        self._reader, self._owner, self._limits = reader, owner, limits
        self.part = health.part(service.name, "partition", f"{partition.topic}/{partition.number}")
        self._queue: deque[Sequence[Record]] = deque()
        self._in_work: Sequence[Record] = ()
        self._arrived = asyncio.Event()
        self._closed = False
        self._paused = False
        self._epoch = -1
        self._gaps_are_normal = partition.topic in COMPACTED
        self._gap_at = -1
        self._recent: deque[bool] = deque(maxlen=_POISON_WINDOW)
        self._backoff = Backoff(limits)
        self.next_offset = 0
        self.task: asyncio.Task[None] | None = None

    async def claim(self, stop: asyncio.Event) -> None:
        """Become the owner: a new epoch, the stored position, and the log read from there."""
        while not stop.is_set():
            try:
                async with self._service.database.transaction() as tx:
                    claim = await positions.claim(
                        tx, self._service.house, self._service.name, *self._partition, self._owner
                    )
                    if self._subscription.claimed is not None:
                        await self._subscription.claimed(tx, self._partition.number, claim.epoch)
            except DatabaseUnavailable as error:
                self.part.reason = str(error)
                await self._backoff.pause(stop)
                continue
            self._epoch, self.next_offset = claim.epoch, claim.next_offset
            self._queue.clear()
            self._reader.seek(self._partition, self.next_offset)
            self._resume()
            self.part.reason = ""
            self._backoff.reset()
            return

    def offer(self, records: Sequence[Record]) -> None:
        """Queue a batch; a full queue pauses the partition in the reader."""
        self._queue.append(records)
        self._arrived.set()
        if len(self._queue) >= _QUEUED_BATCHES_MAX and not self._paused:
            self._paused = True
            self._reader.pause(self._partition)

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._reader.resume(self._partition)

    @property
    def waiting_since_ms(self) -> int | None:
        """When the oldest record was written that has come and is not digested; None when there is none."""
        for records in (self._in_work, *self._queue):
            for record in records:
                if record.offset >= self.next_offset:
                    return record.timestamp_ms
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Digest until closed."""
        while not self._closed and not stop.is_set():
            if not self._queue:
                await self._arrived.wait()
                self._arrived.clear()
                continue
            records = self._queue.popleft()
            if not self._queue:
                self._resume()
            self._in_work = records
            await self.digest(records, stop)

    async def close(self) -> None:
        """Finish the batch under way and stop; what is queued is read again by the next owner."""
        self._closed = True
        self._queue.clear()
        self._arrived.set()
        if self.task is not None and self.task is not asyncio.current_task():
            await asyncio.wait([self.task], timeout=self._limits.stop_timeout_s)
            self.task.cancel()

    async def digest(self, records: Sequence[Record], stop: asyncio.Event) -> None:
        """Bring one batch to its end, whatever it takes; returns early when closed or fenced."""
        while not self._closed and not stop.is_set():
            fresh = [record for record in records if record.offset >= self.next_offset]
            if not fresh:
                return
            whole = self._until_gap(fresh)
            if not whole:
                await self._mind_gap(fresh[0].offset, stop)
                return
            if whole < len(fresh):
                await self._digest_to_gap(fresh, whole, stop)
                return
            try:
                await self._commit(fresh)
                return
            except Fenced:
                metrics.FENCED.labels(self._service.name, self._partition.topic).inc()
                _log.warning("fenced", topic=self._partition.topic, partition=self._partition.number)
                await self.claim(stop)
                return
            except DatabaseUnavailable as error:
                # The commit may have happened: the stored position tells, so claim again before going on.
                metrics.RETRIES.labels(self._service.name, self._partition.topic).inc()
                self.part.reason = str(error)
                await self._backoff.pause(stop)
                await self.claim(stop)
                return
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is the batch's own fault; it is kept
                await self._bisect(fresh, error, stop)
                return

    def _until_gap(self, fresh: Sequence[Record]) -> int:
        """Return how many records follow each other without a gap; on a compacted topic gaps are as they should be."""
        if self._gaps_are_normal or fresh[-1].offset - self.next_offset == len(fresh) - 1:
            return len(fresh)
        return sum(record.offset == self.next_offset + place for place, record in enumerate(fresh))

    async def _digest_to_gap(self, fresh: Sequence[Record], whole: int, stop: asyncio.Event) -> None:
        """Digest what comes before a gap, then mind the gap."""
        behind = fresh[whole - 1].offset + 1
        await self.digest(fresh[:whole], stop)
        # After a passing fault the partition was claimed and sought anew: the rest will be delivered again.
        if self.next_offset == behind:
            await self.digest(fresh[whole:], stop)

    async def _mind_gap(self, found: int, stop: asyncio.Event) -> None:
        """Read the gap once more; when it is still there, events are missing and nobody may skip them silently."""
        if self._gap_at == self.next_offset:
            await self._stand(f"offsets {self.next_offset} to {found - 1} never came", stop)
            return
        self._gap_at = self.next_offset
        await self.claim(stop)

    async def _bisect(self, records: Sequence[Record], error: Exception, stop: asyncio.Event) -> None:
        if len(records) > 1:
            middle = len(records) // 2
            await self.digest(records[:middle], stop)
            # After a passing fault the partition was claimed and sought anew: the rest will be delivered again.
            if self.next_offset == records[middle - 1].offset + 1:
                await self.digest(records[middle:], stop)
            return
        if self._too_much_poison():
            await self._stand(f"too much poison; the last was {error!r}", stop)
            return
        await self._bury(records[0], error, stop)

    async def _bury(self, record: Record, error: Exception, stop: asyncio.Event) -> None:
        _log.error("dead_letter", **about(record), error=f"{type(error).__name__}: {error}")
        try:
            with span(f"bury {record.topic}", "consumer", origins_of([record]), **about_batch([record])):
                await self._put_aside(record, error)
        except (Fenced, DatabaseUnavailable):
            await self._backoff.pause(stop)
            await self.claim(stop)
            return
        except Exception as unkept:  # noqa: BLE001 - whatever it is, it stops this partition and no other
            await self._stand(f"a dead letter cannot be kept: {type(unkept).__name__}: {unkept}"[:500], stop)
            return
        self.next_offset = record.offset + 1
        self._recent.append(True)
        metrics.DEAD_LETTERS.labels(self._service.name, record.topic).inc()
        self._service.wake_relay.ring()

    async def _put_aside(self, record: Record, error: Exception) -> None:
        async with self._service.database.transaction() as tx:
            await self._advance(tx, [record])
            await self._subscription.dead_letter(tx, record, error)
            crash_point("consume.before_bury", self._service.name)
        crash_point("consume.after_bury", self._service.name)

    async def _commit(self, records: Sequence[Record]) -> None:
        began = perf_counter()
        batch = Batch(self._partition.topic, self._partition.number, self._epoch, records)
        with span(f"digest {batch.topic}", "consumer", origins_of(records), **about_batch(records)):
            async with self._service.database.transaction() as tx:
                await self._advance(tx, records)
                await self._service.room.take(tx, self._service.house, len(records))
                await self._subscription.handle(tx, batch)
                crash_point("consume.before_commit", self._service.name)
        crash_point("consume.after_commit", self._service.name)
        self.next_offset = records[-1].offset + 1
        self._recent.extend(False for _ in records)
        self._backoff.reset()
        self.part.reason = ""
        name, topic = self._service.name, self._partition.topic
        metrics.RECORDS.labels(name, topic, self._partition.number).inc(len(records))
        metrics.BATCH_RECORDS.labels(name, topic).observe(len(records))
        metrics.BATCH_SECONDS.labels(name, topic).observe(perf_counter() - began)
        if self._subscription.after_commit is not None:
            self._subscription.after_commit(batch)
        self._service.wake_relay.ring()

    async def _advance(self, tx: Tx, records: Sequence[Record]) -> None:
        moved = await positions.advance(
            tx,
            self._service.house,
            self._service.name,
            *self._partition,
            self._epoch,
            self.next_offset,
            records[-1].offset + 1,
        )
        if not moved:
            raise Fenced

    def _too_much_poison(self) -> bool:
        dead = sum(self._recent)
        return dead >= self._limits.poison_minimum and dead > self._limits.poison_share_max * len(self._recent)

    async def _stand(self, reason: str, stop: asyncio.Event) -> None:
        """Stop this partition with its reason in `/readyz`, until the process is started again."""
        self.part.reason = f"stopped: {reason}"
        _log.error("partition_stopped", topic=self._partition.topic, partition=self._partition.number, reason=reason)
        self._reader.pause(self._partition)
        while not self._closed and not stop.is_set():
            self._arrived.clear()
            await self._arrived.wait()
