"""The two ways to run, and the only place that knows backends: `embedded` on files, `distributed` on servers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.clock import Clock, SystemClock
from shared.db.port import Database
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from shared.events import CATALOGUE
from shared.events.base import COMPACTED, Topic
from shared.kernel.ids import new_id
from shared.log.kafka import open_kafka_log
from shared.log.port import EventLog
from shared.log.sqlite import open_sqlite_log
from shared.runtime.service import Limits, Platform
from shared.runtime.settings import ProcessSettings


@dataclass(frozen=True)
class Embedded:
    """One process on files: a platform and a database per service."""

    platform: Platform
    databases: dict[str, Database]


def all_topics(partitions: int) -> dict[str, int]:
    """Return every topic with its number of partitions: what `tocsin admin topics` creates."""
    used = {message.topic for message in CATALOGUE} | {Topic.FACTS}
    return {str(topic): partitions for topic in Topic if topic in used}


async def create_topics(log: EventLog, partitions: int) -> dict[str, int]:
    """Create every topic that is missing, as the catalogue says; return all with the number of partitions wanted."""
    wanted = all_topics(partitions)
    await log.create_topics(wanted, COMPACTED)
    return wanted


@asynccontextmanager
async def embedded(
    directory: Path, services: Sequence[str], partitions: int = 1, clock: Clock | None = None
) -> AsyncIterator[Embedded]:
    """Open the files of a data folder: `log.db` and one `<service>.db` each; a second process is refused."""
    directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, before anything is served
    async with AsyncExitStack() as opened:
        log = open_sqlite_log(directory / "log.db", clock)
        opened.push_async_callback(log.close)
        databases: dict[str, Database] = {}
        for name in services:
            databases[name] = open_sqlite(directory / f"{name}.db", clock)
            opened.push_async_callback(databases[name].close)
        await create_topics(log, partitions)
        platform = Platform(log=log, clock=clock or SystemClock(), partitions=partitions, owner=new_id())
        yield Embedded(platform, databases)


@asynccontextmanager
async def distributed(settings: ProcessSettings) -> AsyncIterator[tuple[Platform, Database]]:
    """Connect one service to its PostgreSQL database and to Apache Kafka; neither need be there yet."""
    async with AsyncExitStack() as opened:
        log = open_kafka_log(settings.kafka)
        opened.push_async_callback(log.close)
        database = open_postgres(settings.database_url, settings.database_connections)
        opened.push_async_callback(database.close)
        limits = Limits(batch_records=settings.batch_records)
        yield Platform(log, SystemClock(), settings.partitions, new_id(), limits), database
