"""Every backend of the database port, opened empty, with the house tables and one table to write to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

from shared.clock import Clock
from shared.db.columns import JsonText, Moment
from shared.db.house import house_tables
from shared.db.postgres import PostgresDatabase, open_postgres
from shared.db.sqlite import SqliteDatabase, open_sqlite
from tests.support.postgres import create_database, drop_database

METADATA = MetaData()
HOUSE = house_tables(METADATA)
ITEM = Table(
    "item",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("amount", BigInteger),
    Column("low", BigInteger),
    Column("high", BigInteger),
    Column("at", Moment),
    Column("notes", JsonText),
    Column("body", LargeBinary),
)

AnyDatabase = SqliteDatabase | PostgresDatabase


class Backend:
    """One backend of the contract: opens further handles on the same data, as another process would."""

    def __init__(self, place: Path | str | None, opened: AsyncExitStack) -> None:
        """`place` is a file, a DSN, or None for memory."""
        self.place = place
        self._opened = opened

    def open(self, clock: Clock | None = None) -> AnyDatabase:
        """Open a handle that is closed at the end of the test."""
        database: AnyDatabase
        if isinstance(self.place, str):
            database = open_postgres(self.place, pool_size=8, clock=clock)
        else:
            database = open_sqlite(self.place, clock=clock)
        self._opened.push_async_callback(database.close)
        return database


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """Each backend in turn; without a PostgreSQL its tests are skipped or fail, as `postgres_server` says."""
    async with AsyncExitStack() as opened:
        place: Path | str | None = None
        if request.param == "sqlite":
            place = tmp_path / "a folder" / "test.db"
        elif request.param == "postgresql":
            place = await create_database(request.getfixturevalue("postgres_server"))
            opened.push_async_callback(drop_database, place)
        yield Backend(place, opened)


@pytest.fixture
async def database(backend: Backend) -> AnyDatabase:
    """A database with `ITEM` and the house tables."""
    database = backend.open()
    await database.run_sync(METADATA.create_all)
    return database
