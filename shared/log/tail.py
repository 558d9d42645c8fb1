"""The newest records of each partition in memory, so that readers that keep up need neither the file nor a thread."""

from collections.abc import Sequence

from shared.log.port import Partition, Record

_RECORDS_MAX = 4_000
_BYTES_MAX = 8 * 1024 * 1024
_OVERHEAD_BYTES = 1_024


class Tail:
    """The last records of one partition, without gaps, within a bound on their number and on their bytes."""

    def __init__(self) -> None:
        """Begin empty."""
        self._records: list[Record] = []
        self._bytes = 0

    def append(self, record: Record) -> None:
        """Take a record that was committed; one that is known already changes nothing."""
        records = self._records
        if records and record.offset != records[-1].offset + 1:
            if record.offset <= records[-1].offset:
                return
            self._drop(len(records))
        records.append(record)
        self._bytes += _size(record)
        # Half of it at a time, so that dropping costs little however often it is needed.
        while len(records) > _RECORDS_MAX or (self._bytes > _BYTES_MAX and len(records) > 1):
            self._drop(len(records) // 2)

    def read(self, offset: int, limit: int) -> list[Record]:
        """Return at most `limit` records from an offset on; none when that lies before the tail or behind it."""
        if not self._records or offset < (first := self._records[0].offset):
            return []
        return self._records[offset - first : offset - first + limit]

    def _drop(self, count: int) -> None:
        self._bytes -= sum(map(_size, self._records[:count]))
        del self._records[:count]


class Tails:
    """The tails of all partitions of a log."""

    def __init__(self) -> None:
        """Begin empty: what is in the file is read from there."""
        self._tails: dict[Partition, Tail] = {}

    def extend(self, records: Sequence[Record]) -> None:
        """Take records that were committed, in offset order per partition."""
        for record in records:
            place = Partition(record.topic, record.partition)
            tail = self._tails.get(place)
            if tail is None:
                tail = self._tails[place] = Tail()
            tail.append(record)

    def read(self, partition: Partition, offset: int, limit: int) -> list[Record]:
        """Return what the tail of a partition has from an offset on; none: ask the file."""
        tail = self._tails.get(partition)
        return [] if tail is None else tail.read(offset, limit)


def _size(record: Record) -> int:
    """Return about how many bytes a record holds; headers are small, and counting them costs more than they do."""
    return len(record.value) + _OVERHEAD_BYTES
