"""The log port on one SQLite file, for a system in one process: durable, no server, one writing thread.

Appends that wait together share one commit; `append` returns after it. A reader knows from memory where each partition
ends, so an idle one costs nothing, and is woken by the commit of an append. There is no retention.
"""

import asyncio
import fcntl
import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.clock import Clock, SystemClock
from shared.log.port import (
    Assigned,
    LogUnavailable,
    OffsetMissing,
    Outgoing,
    Partition,
    Record,
    Revoked,
    check_sizes,
)
from shared.log.sqlite_store import Ends, Grown, NewTopic, Store, Wanted, Writer
from shared.log.tail import Tails

_CREATE_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 8.0


class LogInUse(Exception):
    """Another process has this log open; one file has one owner."""


class SqliteLog:
    """An `EventLog` in one file, or in memory (then without threads, so that a simulation is repeatable)."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Open or create the log; LogInUse when another process has it."""
        self._lock = _locked(path) if path is not None else None
        self._clock = clock
        self._store = Store(path)
        self._ends: Ends = self._store.load()
        self._tails = Tails()
        self._writer = Writer(self._store, self._now_ms, self._committed) if path is not None else None
        self._pool = ThreadPoolExecutor(1, "sqlite log reader") if path is not None else None
        self._groups: dict[str, list[SqliteReader]] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False
        self.rings = 0

    async def append(self, records: Sequence[Outgoing], timeout_s: float) -> None:
        """Append durably; see the port."""
        self._check_open()
        check_sizes(records)
        for record in records:
            if Partition(record.topic, record.partition) not in self._ends:
                raise self._no_such(record)
        if records:
            await self._run(records, (), timeout_s)

    def reader(self, group: str, topics: Sequence[str], assigned: Assigned, revoked: Revoked) -> "SqliteReader":
        """Return a member; the first one of its group that started owns everything until it closes."""
        return SqliteReader(self, group, topics, assigned)

    async def create_topics(self, topics: Mapping[str, int], compacted: Collection[str] = ()) -> None:
        """Create topics that do not exist."""
        self._check_open()
        if topics:
            wanted = [NewTopic(name, count, name in compacted) for name, count in topics.items()]
            await self._run((), wanted, _CREATE_TIMEOUT_S)

    async def partitions(self, topic: str) -> int:
        """Return the number of partitions, 0 when there is no such topic."""
        self._check_open()
        return len(self.partitions_of([topic]))

    async def identity(self) -> str:
        """Return the id that the file was given when it was made."""
        self._check_open()
        return f"file {self._store.identity}"

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the next offset of each partition."""
        self._check_open()
        return {partition.number: end for partition, end in self._ends.items() if partition.topic == topic}

    async def close(self) -> None:
        """Write what is queued, close the file and let go of it."""
        if self._closed:
            return
        self._closed = True
        self.wake()
        if self._writer is not None and self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            if not await asyncio.to_thread(self._writer.stop, _STOP_TIMEOUT_S):
                raise LogUnavailable("the log's writer did not stop in time")
        self._store.close()
        if self._lock is not None:
            os.close(self._lock)

    # What readers use.

    def partitions_of(self, topics: Sequence[str]) -> list[Partition]:
        """Return all partitions of some topics, in order."""
        return sorted(partition for partition in self._ends if partition.topic in topics)

    def end_of(self, partition: Partition) -> int:
        """Return the next offset of a partition."""
        return self._ends[partition]

    def members(self, group: str) -> "list[SqliteReader]":
        """Return the started members of a group; the first one is the owner."""
        return self._groups.setdefault(group, [])

    async def read(self, wanted: Sequence[Wanted]) -> dict[Partition, list[Record]]:
        """Return what just came from memory; read the rest off the event loop (a log in memory reads at once)."""
        self._check_open()
        found = {one.partition: self._tails.read(one.partition, one.offset, one.limit) for one in wanted}
        rest = [one for one in wanted if not found[one.partition]]
        if not rest:
            return found
        if self._pool is None:
            return found | self._store.read(rest)
        return found | await asyncio.get_running_loop().run_in_executor(self._pool, self._store.read, rest)

    def wake(self) -> None:
        """Let waiting readers look again."""
        self.rings += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, heard: int, timeout_s: float) -> None:
        """Wait for a `wake` after the one with number `heard`, at most so long."""
        self._check_open()
        if self.rings != heard:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=timeout_s)
        finally:
            self._waiting.discard(waiter)

    async def _run(self, records: Sequence[Outgoing], topics: Sequence[NewTopic], timeout_s: float) -> None:
        if self._writer is None:
            self._committed(self._store.create(topics) if topics else self._store.append(records, self._now_ms()))
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._writer.submit(records, topics)
        except TimeoutError as error:
            raise LogUnavailable(f"the log's file did not confirm within {timeout_s:g} s") from error

    def _committed(self, grown: Grown) -> None:
        self._ends.update(grown.ends)
        self._tails.extend(grown.records)
        self.wake()

    def _no_such(self, record: Outgoing) -> Exception:
        if self.partitions_of([record.topic]):
            return ValueError(f"topic {record.topic} has no partition {record.partition}")
        return LogUnavailable(f"topic {record.topic} does not exist")

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _check_open(self) -> None:
        if self._closed:
            raise LogUnavailable("the log is closed")


class SqliteReader:
    """A `Reader` of a `SqliteLog`."""

    def __init__(self, log: SqliteLog, group: str, topics: Sequence[str], assigned: Assigned) -> None:
        """Nothing is owned before `start`."""
        self._log, self._group, self._topics, self._assigned = log, group, tuple(topics), assigned
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._turn = 0
        self._started = self._owner = False
        self._failure: Exception | None = None

    async def start(self) -> None:
        """Join the group; the first member is assigned everything here, a later one when it has become the first."""
        for topic in self._topics:
            if not self._log.partitions_of([topic]):
                raise LogUnavailable(f"topic {topic} does not exist")
        self._log.members(self._group).append(self)
        self._started = True
        await self._take_over()

    async def read_batch(self, max_records: int, timeout_s: float) -> Mapping[Partition, Sequence[Record]]:
        """Return what has come; see the port."""
        assert self._started, "read_batch before start"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            await self._take_over()
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            heard = self._log.rings
            if batch := await self._read(max_records):
                return batch
            left_s = deadline - loop.time()
            if left_s <= 0:
                return {}
            await self._log.wait(heard, left_s)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`."""
        if partition in self._positions:
            self._positions[partition] = offset
            self._log.wake()

    def pause(self, partition: Partition) -> None:
        """Deliver nothing of this partition until `resume`."""
        if partition in self._positions:
            self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        """Deliver again."""
        self._paused.discard(partition)
        self._log.wake()

    async def report_position(self, positions: Mapping[Partition, int]) -> None:
        """Do nothing: there is no broker to tell."""

    async def close(self) -> None:
        """Leave the group; the next member takes over at its next read."""
        members = self._log.members(self._group)
        if self in members:
            members.remove(self)
        self._positions.clear()
        self._paused.clear()
        self._log.wake()

    async def _take_over(self) -> None:
        """Become the owner when this member has become the first of its group."""
        if self._owner or self._log.members(self._group)[:1] != [self]:
            return
        self._owner = True
        partitions = self._log.partitions_of(self._topics)
        # Positions are known before the callback, because it seeks.
        self._positions = dict.fromkeys(partitions, 0)
        try:
            await self._assigned(partitions)
        except Exception as error:  # noqa: BLE001 - the reader's owner gets it from `read_batch`, as on Kafka
            self._failure = error
            self._positions.clear()

    async def _read(self, max_records: int) -> dict[Partition, list[Record]]:
        wanted: list[Wanted] = []
        left = max_records
        lanes = list(self._positions)
        # Each read begins with another partition, so that a busy one does not starve the others.
        self._turn += 1
        for index in range(len(lanes)):
            partition = lanes[(index + self._turn) % len(lanes)]
            position, end = self._positions[partition], self._log.end_of(partition)
            if partition in self._paused or position == end:
                continue
            if position < 0 or position > end:
                raise OffsetMissing(partition, position)
            wanted.append(Wanted(partition, position, end, min(left, end - position)))
            left -= wanted[-1].limit
            if not left:
                break
        if not wanted:
            return {}
        found = await self._log.read(wanted)
        batch: dict[Partition, list[Record]] = {}
        for partition, offset, _, _ in wanted:
            # A seek or pause that came while the thread was reading wins.
            if self._positions.get(partition) == offset and partition not in self._paused and found[partition]:
                batch[partition] = found[partition]
                self._positions[partition] = found[partition][-1].offset + 1
        return batch


def open_sqlite_log(path: Path | None, clock: Clock | None = None) -> SqliteLog:
    """Open the log in a file (None: in memory, for a simulation); LogInUse when another process has it open."""
    return SqliteLog(path, clock or SystemClock())


def _locked(path: Path) -> int:
    """Hold the lock file beside a log for the life of this process; return its descriptor."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise LogInUse(f"{path} is in use by another process") from error
    return lock
