"""Risk's own database on each engine, migrated, empty; and risk over HTTP on it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from services.risk.app import build
from services.risk.settings import RiskSettings
from shared.clock import SystemClock
from shared.db import migrate
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from shared.events.base import Topic
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Platform
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.risk.feed import OWNER, PARTITIONS, AnyDatabase, new_clock
from tests.support.asgi import client_of
from tests.support.postgres import create_database, drop_database


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.servers)])
async def unmigrated(request: pytest.FixtureRequest) -> AsyncIterator[AnyDatabase]:
    """A database without any tables."""
    async with AsyncExitStack() as opened:
        opening: AnyDatabase
        if request.param == "memory":
            opening = open_sqlite(None, new_clock())
        else:
            dsn = await create_database(request.getfixturevalue("postgres_server"))
            opened.push_async_callback(drop_database, dsn)
            opening = open_postgres(dsn, pool_size=4, clock=new_clock())
        opened.push_async_callback(opening.close)
        yield opening


@pytest.fixture
async def database(unmigrated: AnyDatabase) -> AnyDatabase:
    """An empty database with risk's tables."""
    await migrate.upgrade(unmigrated, "services.risk")
    return unmigrated


@pytest.fixture
async def client(database: AnyDatabase, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with every right of a risk service that owns everything."""
    log = open_sqlite_log(tmp_path / "log.db")
    try:
        await log.create_topics({Topic.INTAKE: PARTITIONS})
        platform = Platform(log=log, clock=SystemClock(), partitions=PARTITIONS, owner=OWNER)
        service = build(RiskSettings(), platform, database)
        keys = KeyRing(tmp_path / "keys.json")
        _, secret = keys.add("tests", RIGHTS, "2021-01-01")
        app = make_app([service], keys, Health(), "0")
        async with client_of(app, secret) as opened:
            yield opened
    finally:
        await log.close()
