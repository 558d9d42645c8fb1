"""`python -m benchmarks.kafka.limit FILE`: the limit, out of a recording: what could be reached without our logic.

The same fetch (the reader of the log port), the same decoding of every record, the same rows into the same tables by
the same statements through the same transaction, one task and connection for each lane, and the stored position moved
by compare-and-swap in that transaction. None of our logic: no look-ups, no digests, no fold, no rows put together (they
come ready from the recording), no evaluation, no HTTP, no metrics.
"""

import asyncio
import gc
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.kafka.recording import Recording, Written, load
from services.risk.handlers.arrivals import decode_batch
from services.risk.store.tables import HOUSE, METADATA
from shared.db import positions
from shared.db.port import Database
from shared.db.postgres import open_postgres
from shared.events.base import Topic
from shared.log.kafka import open_kafka_log
from shared.log.port import Partition, Reader, Record
from shared.runtime.lifecycle import tune_garbage_collection
from shared.runtime.service import Limits

_GROUP = "limit"
_QUEUED_MAX = 2
_READ_TIMEOUT_S = 0.2


class Lane:
    """One partition: decodes what comes, writes what risk wrote of it."""

    def __init__(self, database: Database, partition: Partition, batches: Sequence[Written]) -> None:
        """`batches` are written one after the other as their records arrive."""
        self._database, self._partition, self._batches = database, partition, batches
        self.queue: deque[Sequence[Record]] = deque()
        self.arrived = asyncio.Event()
        self._epoch = 0

    async def claim(self) -> None:
        """Own the position."""
        async with self._database.transaction() as tx:
            self._epoch = (await positions.claim(tx, HOUSE, _GROUP, *self._partition, "limit")).epoch

    async def run(self, reader: Reader) -> None:
        """Write all batches."""
        reached = 0
        for batch in self._batches:
            while reached < batch.to_offset:
                while not self.queue:
                    self.arrived.clear()
                    await self.arrived.wait()
                records = self.queue.popleft()
                if not self.queue:
                    reader.resume(self._partition)
                decode_batch(records)
                reached = records[-1].offset + 1
            await self._write(batch)

    async def _write(self, batch: Written) -> None:
        async with self._database.transaction() as tx:
            moved = await positions.advance(
                tx, HOUSE, _GROUP, *self._partition, self._epoch, batch.from_offset, batch.to_offset
            )
            assert moved, "the recording has a gap"
            for method, table, arguments, options in batch.writes:
                await getattr(tx, method)(METADATA.tables[table], *arguments, **options)


async def run(dsn: str, kafka: str, recording: Recording) -> None:
    """Write a whole recording."""
    log, database = open_kafka_log(kafka), open_postgres(dsn)
    lanes = {
        Partition(Topic.INTAKE, number): Lane(database, Partition(Topic.INTAKE, number), batches)
        for number, batches in recording.items()
    }

    async def assigned(partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            await lanes[partition].claim()
            reader.seek(partition, 0)

    async def revoked(_: Sequence[Partition]) -> None:
        return

    reader = log.reader(_GROUP, [Topic.INTAKE], assigned, revoked)
    await reader.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_read(reader, lanes))
            writing = [tasks.create_task(lane.run(reader)) for lane in lanes.values()]
            await asyncio.wait(writing)
            reading.cancel()
    finally:
        await reader.close()
        await log.close()
        await database.close()


async def _read(reader: Reader, lanes: dict[Partition, Lane]) -> None:
    most = Limits().batch_records
    while True:
        for partition, records in (await reader.read_batch(most, _READ_TIMEOUT_S)).items():
            lane = lanes[partition]
            lane.queue.append(records)
            lane.arrived.set()
            if len(lane.queue) >= _QUEUED_MAX:
                reader.pause(partition)


if __name__ == "__main__":
    # A recording has millions of rows: nothing of it is ever garbage.
    gc.disable()
    written = load(Path(sys.argv[1]))
    gc.enable()
    tune_garbage_collection()
    uvloop.run(run(os.environ["TOCSIN_DATABASE_URL"], os.environ["TOCSIN_KAFKA"], written))
