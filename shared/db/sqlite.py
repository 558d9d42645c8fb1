"""The database port on SQLite: one process per file, exactly one writing connection in it.

Statements of the writer run in the event loop's own thread, in slices: handing each to a thread would cost more than it
does, and sqlite3 gives up the interpreter lock at every row, for which a busy loop makes the thread wait up to 5 ms
each time. Only what blocks without it, COMMIT and the first step of a read, runs in a thread. One writing connection
kept for the life of the process, which alone checkpoints, also keeps clear of SQLite's WAL-reset fault (3.7.0 to
3.51.2: two connections that write and checkpoint at once can lose a commit).
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, Table

from shared.clock import Clock, SystemClock
from shared.db.bulk import Bound, Conflict, Shape, by_key, on_conflict, picker, shape_of, sorted_by_key
from shared.db.group_commit import GroupCommit, Wake
from shared.db.port import AnyRow, DatabaseUnavailable
from shared.db.sqlite_link import Closing, Link, Threads, lock_file, outside_faults
from shared.db.sqlite_prepared import Prepared, prepared
from shared.db.wakes import Listener, Switchboard

T = TypeVar("T")
C = TypeVar("C", bound=Closing)
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

DURABLE = ("journal_mode=WAL", "synchronous=FULL")
"""A commit is on the disk before anybody is told of it: with less, a power failure takes back what was answered."""
READERS = 4
_SLICE_ROWS = 500
"""Rows written or fetched before other tasks of the loop get a turn: a slice stays under 20 ms (D23)."""
_WAL_PAGES = 4_000


class Cursor(Protocol[R_co]):
    """A statement that has begun."""

    def fetchmany(self, size: int, /) -> Sequence[R_co]:
        """Return the next rows; none at the end."""

    def close(self) -> object:
        """Let go of it."""


class SqliteTx:
    """A transaction on one connection (`shared.db.port.Tx`)."""

    def __init__(self, link: Link, now: datetime, threads: Threads | None) -> None:
        """Work through `link`; with `threads` the first step of each statement runs there."""
        self.now = now
        self.wakes: list[Wake] = []
        self._link: Link | None = link
        self._threads = threads

    def end(self) -> None:
        """Make further use an error: the connection belongs to the next."""
        self._link = None

    def _open_link(self) -> Link:
        if self._link is None:
            raise RuntimeError("this transaction has ended")
        return self._link

    async def _start(self, statement: Executable, parameters: Any) -> CursorResult[Any]:
        link = self._open_link()
        return await self._step(link, lambda: link.sql.execute(statement, parameters))

    async def _step(self, link: Link, call: Callable[[], C]) -> C:
        """Run the first step of a statement, where this transaction's statements run."""
        with outside_faults():
            return call() if self._threads is None else await self._threads.query(link, call)

    async def execute(self, statement: Executable, parameters: Any = None) -> int:
        """Run one statement; return the number of rows it touched."""
        ready = prepared(statement)
        begun: CursorResult[Any] | sqlite3.Cursor
        begun = await (self._start(statement, parameters) if ready is None else self._start_prepared(ready, parameters))
        touched = begun.rowcount
        begun.close()
        return touched

    async def rows(self, statement: Executable, parameters: Any = None) -> Sequence[AnyRow]:
        """Run one statement and return all its rows."""
        ready = prepared(statement)
        if ready is not None:
            cursor = await self._start_prepared(ready, parameters)
            return ready.shape(cursor, await _fetch_all(cursor))
        return await _fetch_all(await self._start(statement, parameters))

    async def row(self, statement: Executable, parameters: Any = None) -> AnyRow | None:
        """Run one statement and return its first row, if any."""
        ready = prepared(statement)
        if ready is None:
            result = await self._start(statement, parameters)
            with outside_faults():
                return result.first()
        cursor = await self._start_prepared(ready, parameters)
        with outside_faults():
            found = ready.shape(cursor, cursor.fetchmany(1))
        cursor.close()
        return found[0] if found else None

    async def _start_prepared(self, ready: Prepared, parameters: Any) -> sqlite3.Cursor:
        link, bound = self._open_link(), ready.bind(parameters)
        return await self._step(link, lambda: link.driver.execute(ready.sql, bound))

    async def insert(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows in the order given."""
        shape = shape_of(table, tuple(columns), "sqlite")
        await self._write_many(shape, shape.bind(rows), "")

    async def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], key: Sequence[str]
    ) -> set[tuple[Any, ...]]:
        """Insert the rows whose key is not there yet; return their keys."""
        shape = shape_of(table, tuple(columns), "sqlite")
        places = shape.indexes(shape.plain(key))
        clause = f"ON CONFLICT ({', '.join(shape.quoted[place] for place in places)}) DO NOTHING"
        new: list[tuple[Any, ...]] = []
        await self._write_many(shape, shape.bind(rows), clause, new)
        return set(map(picker(places), new))

    async def upsert(
        self,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        key: Sequence[str],
        add: Sequence[str] = (),
        least: Sequence[str] = (),
        greatest: Sequence[str] = (),
    ) -> None:
        """Insert or update many rows."""
        shape = shape_of(table, tuple(columns), "sqlite")
        clause = on_conflict(shape, Conflict(tuple(key), tuple(add), tuple(least), tuple(greatest)))
        await self._write_many(shape, sorted_by_key(shape, shape.bind(rows), key), clause)

    async def lock(self, table: Table, key: dict[str, Any], shared: bool = False) -> AnyRow | None:
        """Return one row: the one writer holds it anyway."""
        return await self.row(by_key(table, tuple(key)), {f"key_{name}": value for name, value in key.items()})

    async def hold(self, statement: Executable, parameters: Any) -> None:
        """Do nothing: the one writer holds everything anyway."""
        self._open_link()

    async def wake(self, channel: str, payload: str) -> None:
        """Wake listeners once the group has committed."""
        self._open_link()
        self.wakes.append((channel, payload))

    async def _write_many(
        self, shape: Shape, rows: Bound, clause: str, new: list[tuple[Any, ...]] | None = None
    ) -> None:
        """Write rows in slices; add to `new`, where it is given, those that the clause did not leave out."""
        marks = ", ".join("?" * len(shape.columns))
        sql = f"INSERT INTO {shape.table} AS old ({shape.column_list}) VALUES ({marks}) {clause}"  # noqa: S608 - names
        for start in range(0, len(rows), _SLICE_ROWS):
            if start:
                await asyncio.sleep(0)
            driver, part = self._open_link().driver, rows[start : start + _SLICE_ROWS]
            with outside_faults():
                driver.executemany(sql, part if new is None else _noting(driver, part, new)).close()


def _noting(driver: sqlite3.Connection, rows: Bound, new: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows to the driver, which asks for the next one when it has written one; add those to `new` that went in.

    Asking the connection for its changes costs 0.1 us per row, looking for the keys before they are written 0.7.
    """
    before = driver.total_changes
    for row in rows:
        yield row
        if driver.total_changes != before:
            before += 1
            new.append(row)


async def _fetch_all(cursor: Cursor[R]) -> list[R]:
    """Return all rows of a statement that has begun, in slices."""
    found: list[R] = []
    try:
        with outside_faults():
            while part := cursor.fetchmany(_SLICE_ROWS):
                found.extend(part)
                if len(part) < _SLICE_ROWS:
                    break
                await asyncio.sleep(0)
    finally:
        cursor.close()
    return found


class _Writer:
    """The one writing connection as `GroupCommit` sees it."""

    def __init__(self, link: Link, threads: Threads, in_memory: bool) -> None:
        """Commit in a thread, unless there is nothing to wait for."""
        self._link = link
        self._threads = threads
        self._in_memory = in_memory
        self.begin = link.begin
        self.savepoint = link.savepoint
        self.release = link.release
        self.rollback_to_savepoint = link.rollback_to_savepoint
        self.rollback = link.rollback
        self.in_transaction = link.in_transaction

    async def commit(self) -> None:
        """Make everything durable; without changes there is no disk to wait for."""
        if self._in_memory or not self._link.changed():
            self._link.run("COMMIT")
        else:
            await self._threads.run(lambda: self._link.run("COMMIT"))


class SqliteDatabase:
    """One service's own database in one file, or in memory (`shared.db.port.Database`)."""

    dialect = "sqlite"

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Open or create the file; DatabaseUnavailable when another process has it."""
        self._clock = clock
        self._path = path
        self._lock_file = None if path is None else lock_file(path)
        self._threads = Threads(READERS + 1)
        address = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rwc"
        pragmas = (
            *DURABLE,
            f"wal_autocheckpoint={_WAL_PAGES}",
            "cache_size=-65536",
            # What is deleted may be personal data (D19): it is overwritten, which costs nothing that can be measured.
            "secure_delete=ON",
        )
        try:
            with outside_faults():
                self._writer = Link(address, ("temp_store=MEMORY", *(() if path is None else pragmas)))
        except BaseException:
            self._unlock()
            raise
        self._board = Switchboard()
        self._group = GroupCommit(_Writer(self._writer, self._threads, path is None), self._board.deliver)
        self._idle: list[Link] = []
        self._reader_slots = asyncio.Semaphore(READERS)
        self._claims: set[str] = set()
        self._closed = False

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[SqliteTx]:
        """Open a transaction; leaving the block returns after the durable commit of its group."""
        await self._group.enter()
        tx = SqliteTx(self._writer, self._clock.now(), None)
        try:
            yield tx
        except BaseException:
            tx.end()
            self._group.abandon()
            raise
        tx.end()
        await self._group.leave(tx.wakes)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[SqliteTx]:
        """Open a read-only transaction that sees one instant; in memory it takes its turn on the one connection."""
        if self._path is None:
            async with self._read_in_turn() as tx:
                yield tx
            return
        async with self._reader_slots:
            if self._closed:
                raise DatabaseUnavailable("the database is closed")
            reader = self._idle.pop() if self._idle else self._open_reader(self._path)
            tx = SqliteTx(reader, self._clock.now(), self._threads)
            try:
                reader.begin_read()
                yield tx
            finally:
                tx.end()
                reader.rollback()
                self._idle.append(reader)

    @asynccontextmanager
    async def _read_in_turn(self) -> AsyncIterator[SqliteTx]:
        await self._group.enter()
        tx = SqliteTx(self._writer, self._clock.now(), None)
        try:
            self._writer.run("PRAGMA query_only=ON")
            yield tx
        finally:
            tx.end()
            self._writer.run("PRAGMA query_only=OFF")
            self._group.abandon()

    @asynccontextmanager
    async def claim(self, name: str) -> AsyncIterator[bool]:
        """Hold a claim inside this process, the only one that may have the file open."""
        held = name not in self._claims
        self._claims.add(name)
        try:
            yield held
        finally:
            if held:
                self._claims.discard(name)

    def listen(self, channel: str) -> Listener:
        """Listen to `wake` from now on."""
        return self._board.listen(channel)

    async def check(self) -> str | None:
        """Return why the database cannot be used now, or None."""
        try:
            async with self.transaction():
                return None
        except DatabaseUnavailable as error:
            return str(error)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run synchronous SQLAlchemy work, such as a migration, in one transaction."""
        async with self.transaction():
            with outside_faults():
                return work(self._writer.sql)

    async def close(self) -> None:
        """Let transactions under way finish, close readers, then the writer, which empties the WAL."""
        if self._closed:
            return
        self._closed = True
        self._board.close()
        await self._group.close()
        for _ in range(READERS):
            await self._reader_slots.acquire()
        for reader in self._idle:
            reader.close()
        await self._threads.run(self._writer.close)
        self._threads.close()
        for _ in range(READERS):
            self._reader_slots.release()
        self._unlock()

    def _open_reader(self, path: Path) -> Link:
        with outside_faults():
            return Link(f"{path.absolute().as_uri()}?mode=ro", ("query_only=ON", "wal_autocheckpoint=0"))

    def _unlock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def open_sqlite(path: Path | None, clock: Clock | None = None) -> SqliteDatabase:
    """Open a database file (created with its folder when missing), or with None an empty database in memory.

    DatabaseUnavailable when the file is open elsewhere or cannot be opened. `clock` gives `Tx.now`.
    """
    return SqliteDatabase(path, clock or SystemClock())
