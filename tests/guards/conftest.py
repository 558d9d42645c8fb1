"""Fresh databases for scenarios that are played twice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.support.postgres import create_database, drop_database


@pytest.fixture
async def fresh(postgres_server: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Return what makes an empty PostgreSQL database and returns its DSN."""
    async with AsyncExitStack() as opened:

        async def make() -> str:
            dsn = await create_database(postgres_server)
            opened.push_async_callback(drop_database, dsn)
            return dsn

        yield make
