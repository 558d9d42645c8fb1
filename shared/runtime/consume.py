"""The consume loop: one task per owned partition, one transaction per batch, positions in the service's own database.

A batch's transaction first moves the stored position from the batch's first offset to behind its last by
compare-and-swap with the owner's epoch. Zero rows mean that another owner moved on: roll back, claim again, seek.
So a record takes effect once, whoever crashes, stalls or comes back late.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.crashpoint import crash_point
from shared.db import lanes
from shared.db.port import DatabaseUnavailable
from shared.log.port import EventLog, LogUnavailable, OffsetMissing, Partition, Reader
from shared.runtime import metrics
from shared.runtime.backoff import Backoff
from shared.runtime.health import Health
from shared.runtime.partition import PartitionLoop
from shared.runtime.service import Limits, Service, Subscription
from shared.telemetry import logger

_READ_TIMEOUT_S = 0.2
_log = logger("consume")


class Consumer:
    """Reads all topics of one service as a member of its group."""

    def __init__(self, service: Service, log: EventLog, owner: str, limits: Limits, health: Health) -> None:
        """`owner` is this process's unique id, written beside the positions it holds."""
        self._service, self._log, self._owner = service, log, owner
        self._limits, self._health = limits, health
        self._subscriptions: dict[str, Subscription] = {one.topic: one for one in service.subscriptions}
        self._loops: dict[Partition, PartitionLoop] = {}
        self._part, self._seen = health.part(service.name, "consumer"), health.part(service.name, "consumer", "log")
        self._behind: dict[Partition, tuple[int, datetime]] = {}
        self._laid_out: dict[str, int] = {}
        """The number of partitions of each topic."""
        self._tasks: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`; a log that cannot be reached is tried again, with the reason in `/readyz`."""
        self._stop = stop
        backoff = Backoff(self._limits)
        while not stop.is_set():
            try:
                await self._check_partitions()
                await self._read(stop, backoff)
            except (LogUnavailable, DatabaseUnavailable, lanes.PartitionsChanged) as error:
                self._part.reason = str(error)
                _log.warning("consumer_waits", service=self._service.name, reason=str(error))
                await backoff.pause(stop)

    async def _check_partitions(self) -> None:
        """Every topic must have the number of partitions with which it was first used (D9)."""
        for topic in self._subscriptions:
            found = await self._log.partitions(topic)
            if found == 0:
                raise LogUnavailable(f"topic {topic} does not exist yet; `tocsin admin topics` creates it")
            async with self._service.database.transaction() as tx:
                await lanes.fix_partitions(tx, self._service.house, topic, found)
            self._laid_out[topic] = found

    async def _read(self, stop: asyncio.Event, backoff: Backoff) -> None:
        reader = self._log.reader(self._service.name, list(self._subscriptions), self._assigned, self._revoked)
        self._reader: Reader = reader
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await reader.start()
                self._part.reason = ""
                while not stop.is_set():
                    await self._read_once(reader)
                    backoff.reset()
                await self._drop(list(self._loops))
        except* (LogUnavailable, DatabaseUnavailable, lanes.PartitionsChanged) as group:
            raise group.exceptions[0] from group
        finally:
            self._tasks = None
            while self._loops:
                self._forget(*self._loops.popitem())
            await reader.close()

    async def _read_once(self, reader: Reader) -> None:
        try:
            batches = await reader.read_batch(self._limits.batch_records, _READ_TIMEOUT_S)
        except OffsetMissing as error:
            # What we have not seen is gone from the log: an incident that a person must look at, never a silent skip.
            self._seen.reason = f"events are missing: {error}"
            _log.error("offset_missing", service=self._service.name, reason=str(error))
            await Backoff(self._limits).pause(self._stop)
            return
        for partition, records in batches.items():
            crash_point("consume.after_fetch", self._service.name)
            if loop := self._loops.get(partition):
                loop.offer(records)

    async def _assigned(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            if partition.number >= (stored := self._laid_out[partition.topic]):
                # Somebody has added partitions while we were reading: nothing of ours goes on before that is undone.
                raise lanes.PartitionsChanged(partition.topic, stored, partition.number + 1)
            loop = PartitionLoop(
                self._service,
                self._subscriptions[partition.topic],
                partition,
                self._reader,
                self._owner,
                self._limits,
                self._health,
            )
            await loop.claim(self._stop)
            self._loops[partition] = loop
            assert self._tasks is not None
            loop.task = self._tasks.create_task(loop.run(self._stop), name=f"{partition.topic}/{partition.number}")

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        await self._drop([partition for partition in partitions if partition in self._loops])

    async def _drop(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            loop = self._loops.pop(partition)
            await loop.close()
            self._forget(partition, loop)
            subscription = self._subscriptions[partition.topic]
            if subscription.released is not None:
                subscription.released(partition.number)

    async def measure_lag(self, now: datetime) -> None:
        """Set the lag gauges of the partitions that this process owns."""
        for topic in self._subscriptions:
            ends = await self._log.end_offsets(topic)
            for partition, loop in self._loops.items():
                if partition.topic == topic:
                    lag = max(0, ends.get(partition.number, 0) - loop.next_offset)
                    metrics.LAG_RECORDS.labels(self._service.name, *partition).set(lag)
                    metrics.LAG_SECONDS.labels(self._service.name, *partition).set(self._lag_s(partition, lag, now))

    def _lag_s(self, partition: Partition, lag: int, now: datetime) -> float:
        """Return the age of the oldest record that is not digested; of one not read yet, since when it is known of."""
        loop = self._loops[partition]
        if not lag:
            return 0.0
        if (written_ms := loop.waiting_since_ms) is not None:
            since = datetime.fromtimestamp(written_ms / 1_000, UTC)
        else:
            offset, since = self._behind.get(partition, (-1, now))
            if offset != loop.next_offset:
                since = now
                self._behind[partition] = loop.next_offset, now
        return max(0.0, (now - since).total_seconds())

    def _forget(self, partition: Partition, loop: PartitionLoop) -> None:
        """Let go of a partition with its series and its reasons: they are its next owner's affair."""
        self._health.forget(loop.part)
        self._behind.pop(partition, None)
        for gauge in (metrics.LAG_RECORDS, metrics.LAG_SECONDS):
            gauge.remove(self._service.name, *partition)

    async def report_positions(self) -> None:
        """Tell the broker where we are, for its own dashboards."""
        if self._loops:
            await self._reader.report_position({one: loop.next_offset for one, loop in self._loops.items()})
