"""The servers that the ways share in one run: PostgreSQL that syncs every commit, and one broker with the facts."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import asyncpg

import tocsin.system
from shared.log.kafka import open_kafka_log
from shared.log.port import Outgoing
from tests.support.kafka import KafkaServer, require_kafka
from tests.support.postgres import create_database, drop_database, new_server

_DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}
"""Nothing but what a production server has; checkpoints are made between the ways, not within one of them."""
_RELAY_ROWS = 2_000
_SEND_TIMEOUT_S = 60.0


class Servers:
    """A running PostgreSQL and a running broker."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs before `running`."""
        self._postgres = new_server(_DURABLE)
        self.kafka = KafkaServer(folder / "kafka")

    @contextlib.contextmanager
    def running(self) -> Iterator["Servers"]:
        """Run both for the block."""
        require_kafka()
        try:
            self._postgres.start()
            self.kafka.start()
            yield self
        finally:
            self.kafka.stop(kill=True)
            self._postgres.remove()

    @property
    def dsn(self) -> str:
        """Return the DSN of PostgreSQL's own database."""
        return self._postgres.dsn

    @property
    def postgres_pid(self) -> int:
        """Return the process id of the parent of PostgreSQL's processes."""
        return self._postgres.pid

    @contextlib.contextmanager
    def database(self, tables: str) -> Iterator[str]:
        """Make a database for the block, with the tables of a service or those that SQL creates; yield its DSN."""
        dsn = asyncio.run(create_database(self._postgres.dsn))
        if tables in tocsin.system.SERVICES:
            asyncio.run(tocsin.system.migrate_database(tables, dsn))
        else:
            asyncio.run(_run(dsn, tables))
        asyncio.run(_run(self._postgres.dsn, "CHECKPOINT"))
        yield dsn
        asyncio.run(drop_database(dsn))

    def load(self, records: Iterable[Outgoing], partitions: int, topic: str | None = None) -> int:
        """Create the topics, append records as intake's relay does, to `topic` if one is named; return how many."""
        asyncio.run(tocsin.system.create_topics(self.kafka.bootstrap, partitions))
        if topic is not None:
            records = (one._replace(topic=topic) for one in records)
        return asyncio.run(_append(self.kafka.bootstrap, records, {topic: partitions} if topic is not None else {}))


async def _append(bootstrap: str, records: Iterable[Outgoing], topics: Mapping[str, int]) -> int:
    log, count = open_kafka_log(bootstrap), 0
    try:
        await log.create_topics(topics)
        lanes: dict[int, list[Outgoing]] = {}
        for record in records:
            lane = lanes.setdefault(record.partition, [])
            lane.append(record)
            count += 1
            if len(lane) == _RELAY_ROWS:
                await log.append(lane, _SEND_TIMEOUT_S)
                lane.clear()
        await log.append(list(itertools.chain.from_iterable(lanes.values())), _SEND_TIMEOUT_S)
    finally:
        await log.close()
    return count


async def _run(dsn: str, statement: str) -> None:
    session = await asyncpg.connect(dsn)
    try:
        await session.execute(statement)
    finally:
        await session.close()


def rows_of(dsn: str, statement: str) -> Sequence[asyncpg.Record]:
    """Return the rows of one statement."""

    async def ask() -> Sequence[asyncpg.Record]:
        session = await asyncpg.connect(dsn)
        try:
            found: Sequence[asyncpg.Record] = await session.fetch(statement)
        finally:
            await session.close()
        return found

    return asyncio.run(ask())
