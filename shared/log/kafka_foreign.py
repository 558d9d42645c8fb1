"""Records whose headers have names that are no UTF-8, as producers in C may write them.

aiokafka cannot read them: it raises UnicodeDecodeError at the same record for ever, and one such record would stop its
topic. Its parser in Python can be taught to, at a twentieth of the speed; so that is used from the first such record
on, until the process ends. Private to aiokafka 0.14, there is no public way.
"""

from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _Bytes(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, *_: Any) -> str:
        return super().decode("utf-8", "replace")


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no type information
    """A batch that reads names of headers with what is no UTF-8 in them replaced."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Bytes(self._buffer)


class _Records(_MemoryRecordsPy):  # type: ignore[misc]
    """What a fetch brought."""

    def next_batch(self) -> Any:
        """Return the next batch; one in a format from before headers existed as aiokafka reads it."""
        found = self._next_slice
        old = found is None or len(found) <= self.MAGIC_OFFSET or found[self.MAGIC_OFFSET] < 2
        if old:
            return super().next_batch()
        self._cache_next()
        return _Batch(found)


def read_any_header() -> None:
    """Let all consumers of this process read on with the parser that reads any header; again has no effect."""
    fetcher.MemoryRecords = _Records
