"""What risk writes, batch by batch: recorded in an ordinary run of it, so that the limit can write the same rows."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Table

from shared.db.port import Tx
from shared.events.base import Topic
from shared.runtime.service import Batch, Subscription

_WRITES = frozenset({"insert", "insert_new", "upsert"})
_OTHERS = frozenset({"now", "execute", "rows", "row", "lock", "hold", "wake"})


class Write(NamedTuple):
    """One set-based statement: a method of the transaction and its arguments, the table by name."""

    method: str
    table: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


class Written(NamedTuple):
    """What one batch of one lane wrote beside its position."""

    from_offset: int
    to_offset: int
    writes: list[Write]


Recording = dict[int, list[Written]]
"""Lane -> batches in order."""


class RecordingTx:
    """A transaction that notes the rows written through it; everything else goes straight on."""

    def __init__(self, tx: Tx) -> None:
        """Write through `tx`."""
        self._tx = tx
        self.writes: list[Write] = []

    def __getattr__(self, name: str) -> Any:
        if name in _OTHERS:
            return getattr(self._tx, name)
        if name not in _WRITES:
            raise AttributeError(f"a way to write that the limit does not know: {name}")

        async def write(table: Table, *arguments: Any, **options: Any) -> Any:
            self.writes.append(Write(name, table.name, arguments, options))
            return await getattr(self._tx, name)(table, *arguments, **options)

        return write


def recorded(subscription: Subscription, into: dict[tuple[int, int], Written]) -> Subscription:
    """Return a subscription that notes what its handler writes for each batch, by lane and first offset."""
    if subscription.topic != Topic.INTAKE:
        return subscription

    async def handle(tx: Tx, batch: Batch) -> None:
        noting: Any = RecordingTx(tx)
        await subscription.handle(noting, batch)
        first, last = batch.records[0].offset, batch.records[-1].offset
        into[batch.partition, first] = Written(first, last + 1, noting.writes)

    return replace(subscription, handle=handle)


def save(written: dict[tuple[int, int], Written], path: Path) -> None:
    """Write a recording to a file of our own."""
    lanes: Recording = {}
    for (lane, _), one in sorted(written.items()):
        lanes.setdefault(lane, []).append(one)
    with path.open("wb") as file:
        pickle.dump(lanes, file, protocol=pickle.HIGHEST_PROTOCOL)


def load(path: Path) -> Recording:
    """Read it again."""
    with path.open("rb") as file:
        lanes: Recording = pickle.load(file)
    return lanes
