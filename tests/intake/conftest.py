"""Intake on every backend, migrated and composed, with a client that has all rights."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import FrozenClock
from shared.db import migrate
from shared.db.sqlite import open_sqlite
from tests.intake.house import House
from tests.support.databases import Backend

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def house(backend: Backend, tmp_path: Path) -> House:
    """Intake on each backend in turn."""
    database = backend.open()
    await migrate.upgrade(database, "services.intake")
    return House(database, FrozenClock(NOW), tmp_path)


@pytest.fixture
async def small_house(tmp_path: Path) -> AsyncIterator[House]:
    """Intake on SQLite in memory, for what no backend can change."""
    async with AsyncExitStack() as opened:
        yield await open_small_house(tmp_path, opened)


async def open_small_house(folder: Path, opened: AsyncExitStack) -> House:
    """Open intake on SQLite in memory; closed with `opened`."""
    database = open_sqlite(None)
    opened.push_async_callback(database.close)
    await migrate.upgrade(database, "services.intake")
    return House(database, FrozenClock(NOW), folder)
