"""Risk's batch path alone: `python -m benchmarks.risk_path [facts [sqlite|postgres]]`.

A usual mix of facts that lie on the log already is digested as in production (position, ledger, states, counters,
marks, outbox, commit), all partitions at once, on SQLite and on a PostgreSQL server of its own. What is printed is
processor time per fact, scaled to the reference machine: of this process, and of the server's. The clock counts less:
the server here does not wait for the disk.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.kafka import mix
from benchmarks.measure import slowness
from services.risk.app import build
from services.risk.settings import RiskSettings
from shared.clock import SystemClock
from shared.db import lanes, migrate
from shared.db.port import Database
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from shared.events.base import Topic
from shared.log.port import Partition, Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.lifecycle import tune_garbage_collection
from shared.runtime.partition import PartitionLoop
from shared.runtime.service import Limits, Platform, Service
from tests.support.postgres import PostgresServer, create_database, find_programs

Lanes = Sequence[Sequence[Record]]


class Spent(NamedTuple):
    """What digesting the lanes took."""

    wall_s: float
    cpu_s: float
    server_s: float = 0.0


class NoReader:
    """Stands for the log's reader: all is read already."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Nothing."""

    pause = resume = seek


async def digest(database: Database, filled: Lanes) -> Spent:
    """Digest all lanes as risk does, each in its own task; return what this process spent."""
    await migrate.upgrade(database, "services.risk")
    with tempfile.TemporaryDirectory() as folder:
        log = open_sqlite_log(Path(folder) / "log.db")
        platform = Platform(log, SystemClock(), len(filled), "bench")
        service = build(RiskSettings(), platform, database)
        async with database.transaction() as tx:
            await lanes.fix_partitions(tx, service.house, Topic.INTAKE, len(filled))
        tune_garbage_collection()
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_digest_lane(service, number, lane) for number, lane in enumerate(filled)))
        spent = Spent(time.perf_counter() - began, time.process_time() - cpu)
        await log.close()
    return spent


async def _digest_lane(service: Service, number: int, lane: Sequence[Record]) -> None:
    subscription = next(one for one in service.subscriptions if one.topic == Topic.INTAKE)
    limits, stop = Limits(), asyncio.Event()
    partition = Partition(Topic.INTAKE, number)
    loop = PartitionLoop(service, subscription, partition, NoReader(), "bench", limits, Health())  # type: ignore[arg-type]
    await loop.claim(stop)
    for start in range(0, len(lane), limits.batch_records):
        await loop.digest(lane[start : start + limits.batch_records], stop)
    assert loop.next_offset == len(lane), loop.part.reason


async def on_sqlite(filled: Lanes) -> Spent:
    """Digest on a file, every commit synced."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_sqlite(Path(folder) / "risk.db")
        try:
            return await digest(database, filled)
        finally:
            await database.close()


@contextlib.asynccontextmanager
async def _postgres() -> AsyncIterator[tuple[PostgresServer, Database]]:
    programs, reason = find_programs()
    if programs is None:
        raise SystemExit(reason)
    server = PostgresServer(programs)
    try:
        server.start()
        database = open_postgres(await create_database(server.dsn), pool_size=mix.LANES + 1)
        yield server, database
        await database.close()
    finally:
        server.remove()


async def on_postgres(filled: Lanes) -> Spent:
    """Digest on a server of one's own; what it spent is counted, too."""
    async with _postgres() as (server, database):
        spent = await digest(database, filled)
        return spent._replace(server_s=_family_cpu_s(server.pid))


def _family_cpu_s(pid: int) -> float:
    """Return the processor time of a process's children that still run (Linux)."""
    return sum(_ticks(stat) for stat in Path("/proc").glob("[0-9]*/stat") if _parent(stat) == pid) / 100


def _fields(stat: Path) -> list[str]:
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(stat: Path) -> int:
    fields = _fields(stat)
    return int(fields[1]) if fields else -1


def _ticks(stat: Path) -> int:
    fields = _fields(stat)
    return int(fields[11]) + int(fields[12]) if fields else 0


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 80_000
    filled = _lanes(count)
    print(f"{sum(map(len, filled)):,} records")
    for name, line in _measured(sys.argv[2:] or ["sqlite", "postgres"], filled, count):
        print(f"{name:10} {line}", flush=True)


def _lanes(count: int) -> Lanes:
    lanes: list[list[Record]] = [[] for _ in range(mix.LANES)]
    for topic, partition, key, headers, value in mix.records(count):
        lane = lanes[partition]
        lane.append(Record(topic, partition, len(lane), key, headers, value, 0))
    return lanes


def _measured(wanted: Sequence[str], filled: Lanes, facts: int) -> Iterator[tuple[str, str]]:
    for name, run in (("sqlite", on_sqlite), ("postgres", on_postgres)):
        if name in wanted:
            slow = slowness(time.thread_time)
            spent = asyncio.run(run(filled))
            slow = (slow + slowness(time.thread_time)) / 2
            each = 1e6 / facts / slow
            yield (
                name,
                (
                    f"{spent.cpu_s * each:6.1f} us of processor, server's {spent.server_s * each:.1f}; "
                    f"{spent.wall_s / facts * 1e6:.1f} us by the clock, as timed (slowness {slow:.2f})"
                ),
            )


if __name__ == "__main__":
    main()
