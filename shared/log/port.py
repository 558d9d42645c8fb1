"""The log port: append-only topics cut into partitions, each an ordered sequence of records with offsets.

Two backends, one contract (`tests/shared/test_log_contract.py`): Apache Kafka (`kafka.py`) and SQLite (`sqlite.py`).
Positions are not the log's affair: consumers keep them in their own database and `seek` (D10, ARCHITECTURE).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

Headers = tuple[tuple[str, bytes], ...]


MAX_RECORD_BYTES = 2 * 1024 * 1024
"""Key, headers and value of one record together are not larger; a larger one is a defect of its producer."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Record(NamedTuple):
    """One record as read."""

    topic: str
    partition: int
    offset: int
    key: bytes
    headers: Headers
    value: bytes
    timestamp_ms: int


class Outgoing(NamedTuple):
    """One record to append to a given partition."""

    topic: str
    partition: int
    key: bytes
    headers: Headers
    value: bytes


def check_sizes(records: Sequence[Outgoing]) -> None:
    """Raise ValueError when a record is larger than any backend keeps."""
    for topic, partition, key, headers, value in records:
        size = len(key) + len(value) + sum(len(name) + len(content) for name, content in headers)
        if size > MAX_RECORD_BYTES:
            raise ValueError(f"a record for {topic}/{partition} has {size} bytes, more than {MAX_RECORD_BYTES}")


class LogUnavailable(Exception):
    """The log did not answer in time; nothing is known about what was under way."""


class OffsetMissing(Exception):
    """The asked offset is no longer (or not yet) in the log: an incident, never skipped silently."""

    def __init__(self, partition: Partition, offset: int) -> None:
        """Say which offset of which partition."""
        super().__init__(f"offset {offset} of {partition.topic}/{partition.number} is not in the log")
        self.partition, self.offset = partition, offset


class Reader(Protocol):
    """A member of a consumer group. It is told what it owns by the callbacks given to `EventLog.reader`.

    A partition for which `assigned` has not called `seek` is read from offset 0. What a callback raises is raised again
    by the next `read_batch`, and nothing of its partitions is delivered. `seek`, `pause` and `resume` of a partition
    that is not owned do nothing: its next owner knows better.
    """

    async def start(self) -> None:
        """Join; assignments arrive by callback from here on."""

    async def read_batch(self, max_records: int, timeout_s: float) -> Mapping[Partition, Sequence[Record]]:
        """Return what has come for owned, unpaused partitions, in offset order; empty after `timeout_s`.

        OffsetMissing when a partition stands where the log has nothing; LogUnavailable when the member is broken and
        has to be closed. One task at a time may read.
        """

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`. What was read from elsewhere and is not delivered yet never is: of a compacted topic,
        where gaps are as they should be, nobody could tell that something is missing."""

    def pause(self, partition: Partition) -> None:
        """Deliver nothing of this partition until `resume`."""

    def resume(self, partition: Partition) -> None:
        """Deliver again."""

    async def report_position(self, positions: Mapping[Partition, int]) -> None:
        """Tell the broker where we are, for lag dashboards only; failures are swallowed and counted."""

    async def close(self) -> None:
        """Leave the group."""


Assigned = Callable[[Sequence[Partition]], Awaitable[None]]
"""Called with newly owned partitions before any of their records is delivered; claims and seeks."""
Revoked = Callable[[Sequence[Partition]], Awaitable[None]]


class EventLog(Protocol):
    """Opens topics for appending and reading.

    Offsets of a partition rise by one from record to record. Of a compacted topic the log keeps the last record of each
    key: older ones vanish some time after it has come (at once, where that is cheap), so there offsets have gaps.
    """

    async def append(self, records: Sequence[Outgoing], timeout_s: float) -> None:
        """Append durably, in order per partition; LogUnavailable when not confirmed in time (may still arrive).

        ValueError for a partition that its topic does not have, and for a record over `MAX_RECORD_BYTES`.
        """

    def reader(self, group: str, topics: Sequence[str], assigned: Assigned, revoked: Revoked) -> Reader:
        """Return a group member that is not started yet."""

    async def create_topics(self, topics: Mapping[str, int], compacted: Collection[str] = ()) -> None:
        """Create topics (name -> number of partitions) that do not exist, some of them compacted; idempotent."""

    async def partitions(self, topic: str) -> int:
        """Return the number of partitions; 0 when the topic does not exist; LogUnavailable when nobody answers."""

    async def identity(self) -> str:
        """Return what tells this log from every other, for as long as it lives; LogUnavailable when nobody answers."""

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the next offset of each partition."""

    async def close(self) -> None:
        """Stop within a bounded time."""
