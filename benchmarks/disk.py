"""`python -m benchmarks.disk`: bytes on disk per fact, embedded and on PostgreSQL with Kafka; for docs/operate.md.

One small run each: 2,000 loans of 24 instalments, a year of repayments, months closed as they end. Measured once all is
evaluated: the files after their write-ahead logs were folded in, the databases after VACUUM, the broker's segments.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks import synthetic
from tests.support.distributed import distributed_system
from tests.support.kafka import KafkaServer
from tests.support.postgres import new_server
from tests.support.processes import System, embedded_system

LOANS, MONTHS = 2_000, 12
Sizes = dict[str, int]


def fill(system: System) -> int:
    """Send everything and wait until it is evaluated; return the number of facts."""
    assert system.post("/intake/v1/books", synthetic.open_book(branches=False)).status_code == 201
    facts = _send(system, synthetic.clients_and_loans(LOANS))
    for month in range(MONTHS):
        facts += _send(system, synthetic.repayments(LOANS, month))
        day = synthetic.month_end(month).isoformat()
        system.post(f"/intake/v1/books/{synthetic.BOOK}/closes", {"day": day, "known_at": f"{day}T23:00:00Z"})
    system.settle(synthetic.BOOK)
    return facts


def _send(system: System, facts: Iterable[dict[str, Any]]) -> int:
    with synthetic.sender(system) as client:
        return sum(synthetic.send(client, body) for body in synthetic.requests_of(facts))


def embedded() -> tuple[int, Sizes]:
    """Return facts, and bytes by file."""
    with tempfile.TemporaryDirectory() as folder:
        with embedded_system(Path(folder)) as system:
            facts = fill(system)
        sizes = {}
        for file in sorted((Path(folder) / "data").glob("*.db")):
            with sqlite3.connect(file) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sizes[file.name] = file.stat().st_size
        return facts, sizes


def distributed() -> tuple[int, Sizes]:
    """Return facts, and bytes by database and topic."""
    postgres = new_server()
    with tempfile.TemporaryDirectory() as folder:
        kafka = KafkaServer(Path(folder) / "kafka")
        try:
            postgres.start()
            kafka.start()
            with distributed_system(Path(folder), postgres.dsn, kafka) as system:
                facts = fill(system)
                databases = {
                    name.rstrip("0123456789"): process.environment["TOCSIN_DATABASE_URL"]
                    for name, process in system.processes.items()
                }
            sizes = {name: asyncio.run(_database_bytes(dsn)) for name, dsn in databases.items()}
        finally:
            kafka.stop()
            postgres.remove()
        segments = [file for file in (Path(folder) / "kafka" / "data").rglob("*.log") if "tocsin" in file.parent.name]
        sizes["kafka"] = sum(file.stat().st_size for file in segments)
        return facts, sizes


async def _database_bytes(dsn: str) -> int:
    session = await asyncpg.connect(dsn)
    try:
        await session.execute("VACUUM FULL")
        return int(await session.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await session.close()


def main() -> None:
    """Measure both, print one table."""
    table = Table("store", "part", "MB", "bytes per fact")
    for name, (facts, sizes) in {"embedded": embedded(), "PostgreSQL and Kafka": distributed()}.items():
        for part, size in {**sizes, f"all, {facts} facts": sum(sizes.values())}.items():
            table.add_row(name, part, f"{size / 1e6:.1f}", f"{size / facts:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
