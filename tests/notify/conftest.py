"""Notify's own database on each engine, migrated, empty; and a house that works on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from shared.clock import FrozenClock
from shared.db import migrate
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from tests.notify.house import NOW, House
from tests.support.databases import AnyDatabase
from tests.support.postgres import create_database, drop_database


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands still until told to move."""
    return FrozenClock(NOW)


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.servers)])
async def house(request: pytest.FixtureRequest, clock: FrozenClock) -> AsyncIterator[House]:
    """Notify on an empty database of each engine."""
    async with AsyncExitStack() as opened:
        database: AnyDatabase
        if request.param == "memory":
            database = open_sqlite(None, clock)
        else:
            dsn = await create_database(request.getfixturevalue("postgres_server"))
            opened.push_async_callback(drop_database, dsn)
            database = open_postgres(dsn, pool_size=6, clock=clock)
        opened.push_async_callback(database.close)
        await migrate.upgrade(database, "services.notify")
        yield House(database, clock)


@pytest.fixture
async def small(clock: FrozenClock) -> AsyncIterator[House]:
    """Notify in memory: for what does not depend on the engine."""
    database = open_sqlite(None, clock)
    await migrate.upgrade(database, "services.notify")
    yield House(database, clock)
    await database.close()
