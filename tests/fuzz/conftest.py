"""Empty databases for what is fuzzed."""

from collections.abc import AsyncIterator

import pytest

from tests.support.postgres import create_database, drop_database


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.servers)])
async def dsn(request: pytest.FixtureRequest) -> AsyncIterator[str | None]:
    """An empty database on each engine; None: in memory."""
    if request.param == "memory":
        yield None
        return
    created = await create_database(request.getfixturevalue("postgres_server"))
    yield created
    await drop_database(created)
