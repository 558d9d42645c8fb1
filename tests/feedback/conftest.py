"""Feedback on every backend, migrated and composed, with a client that has all rights."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shared.clock import FrozenClock
from shared.db import migrate
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from tests.feedback.house import NOW, House
from tests.support.databases import AnyDatabase
from tests.support.postgres import create_database, drop_database


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.servers)])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Feedback on each engine in turn."""
    clock = FrozenClock(NOW)
    async with AsyncExitStack() as opened:
        database: AnyDatabase
        if request.param == "memory":
            database = open_sqlite(None, clock)
        else:
            dsn = await create_database(request.getfixturevalue("postgres_server"))
            opened.push_async_callback(drop_database, dsn)
            database = open_postgres(dsn, pool_size=8, clock=clock)
        opened.push_async_callback(database.close)
        await migrate.upgrade(database, "services.feedback")
        yield House(database, clock, tmp_path)


@pytest.fixture
async def small_house(tmp_path: Path) -> AsyncIterator[House]:
    """Feedback on SQLite in memory, for what no engine can change."""
    clock = FrozenClock(NOW)
    database = open_sqlite(None, clock)
    try:
        await migrate.upgrade(database, "services.feedback")
        yield House(database, clock, tmp_path)
    finally:
        await database.close()
