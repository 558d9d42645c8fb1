"""Risk's own database on each engine, migrated, empty."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from shared.db import migrate
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from tests.risk.feed import AnyDatabase, new_clock
from tests.support.postgres import create_database, drop_database


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[AnyDatabase]:
    """An empty database with risk's tables."""
    async with AsyncExitStack() as opened:
        opening: AnyDatabase
        if request.param == "memory":
            opening = open_sqlite(None, new_clock())
        else:
            dsn = await create_database(request.getfixturevalue("postgres_server"))
            opened.push_async_callback(drop_database, dsn)
            opening = open_postgres(dsn, pool_size=4, clock=new_clock())
        opened.push_async_callback(opening.close)
        await migrate.upgrade(opening, "services.risk")
        yield opening
