"""A second system on the same database is refused at the start, before it reads or sends anything."""

import asyncio
from pathlib import Path

import pytest
from fastapi import APIRouter

from shared.clock import SystemClock
from shared.db import migrate
from shared.db.installation import OtherInstallation, belong, leave
from shared.db.port import Tx
from shared.log.kafka import open_kafka_log
from shared.log.port import Outgoing, Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime import lifecycle
from shared.runtime.backoff import rest
from shared.runtime.bell import Bell
from shared.runtime.service import Batch, Platform, Service, Subscription
from shared.security.keys import KeyRing
from tests.shared.test_consume import HOUSE, METADATA
from tests.support.databases import AnyDatabase, Backend


@pytest.fixture
async def database(backend: Backend) -> AnyDatabase:
    """A database on each backend, with the house's tables."""
    opened = backend.open()
    await opened.run_sync(METADATA.create_all)
    return opened


async def claim(database: AnyDatabase, service: str, log: str) -> None:
    """Start a service on a log."""
    async with database.transaction() as tx:
        await belong(tx, HOUSE, service, log)


async def test_a_database_belongs_to_one_service_and_one_log(database: AnyDatabase) -> None:
    for _ in range(2):
        await claim(database, "risk", "kafka one")
    with pytest.raises(OtherInstallation, match=r"its log is kafka one, and this is kafka two. Give this system"):
        await claim(database, "risk", "kafka two")
    with pytest.raises(OtherInstallation, match="belongs to risk: give each service one of its own"):
        await claim(database, "notify", "kafka one")
    async with database.transaction() as tx:
        await leave(tx, HOUSE)
    await claim(database, "risk", "kafka two")


async def test_a_log_keeps_its_identity_and_has_it_alone(tmp_path: Path) -> None:
    first = open_sqlite_log(tmp_path / "one.db")
    identity = await first.identity()
    await first.close()
    again, other = open_sqlite_log(tmp_path / "one.db"), open_sqlite_log(tmp_path / "two.db")
    assert await again.identity() == identity != await other.identity()
    await again.close()
    await other.close()


@pytest.mark.servers
async def test_a_cluster_says_who_it_is(kafka_server: str) -> None:
    log, again = open_kafka_log(kafka_server), open_kafka_log(kafka_server)
    assert len(await log.identity()) > len("kafka ")
    assert await log.identity() == await again.identity()
    await log.close()
    await again.close()


async def test_a_process_on_the_database_of_another_system_ends_before_it_reads(
    backend: Backend, tmp_path: Path
) -> None:
    database, handled = backend.open(), []

    async def handle(_tx: Tx, batch: Batch) -> None:
        handled.append(batch)

    async def keep(_tx: Tx, _record: Record, _error: Exception) -> None:
        raise AssertionError

    await migrate.upgrade(database, "services.feedback")
    await claim(database, "feedback", "file of another system")
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({"letters": 1})
    await log.append([Outgoing("letters", 0, b"", (), b"")], 5)
    subscription = Subscription("letters", handle, keep)
    service = Service("feedback", APIRouter(), database, HOUSE, Bell(), (subscription,))
    platform, keys = Platform(log, SystemClock(), 1, "test"), KeyRing(tmp_path / "keys.json")
    async with asyncio.timeout(30):
        with pytest.raises(OtherInstallation, match="belongs to another system"):
            await lifecycle.run([service], platform, keys, "127.0.0.1", 0, "0")
        assert handled == []
        async with database.transaction() as tx:
            await leave(tx, HOUSE)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lifecycle.run([service], platform, keys, "127.0.0.1", 0, "0", stop=stop))
            while not handled:
                await rest(stop, 0.01)
            stop.set()
    await log.close()
