"""One SQLite connection, its file lock, and the threads for what blocks."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from shared.db.port import DatabaseUnavailable

T = TypeVar("T")


class Closing(Protocol):
    """A statement that has begun."""

    def close(self) -> object:
        """Let go of it."""


C = TypeVar("C", bound=Closing)

_OUTSIDE_FAULTS = frozenset({5, 6, 7, 10, 13, 14, 15, 26})
"""SQLite's primary codes for what no statement is to blame for: busy, locked, memory, I/O, full, cannot open, ..."""


@contextmanager
def outside_faults() -> Iterator[None]:
    """Raise faults of disk, memory and locks as DatabaseUnavailable, the driver's others as SQLAlchemy's."""
    try:
        yield
    except DBAPIError as error:
        if _is_outside(error.orig):
            raise DatabaseUnavailable(str(error.orig)) from error
        raise
    except sqlite3.Error as error:
        if _is_outside(error):
            raise DatabaseUnavailable(str(error)) from error
        raise DBAPIError.instance("driver statement", None, error, sqlite3.Error) from error


def _is_outside(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _OUTSIDE_FAULTS


class _Driver(sqlite3.Connection):
    """A connection whose transactions end by statements alone: SQLAlchemy's idea of them has no effect."""

    def commit(self) -> None:
        """Do nothing."""

    def rollback(self) -> None:
        """Do nothing."""


class Link:
    """One SQLite connection with SQLAlchemy on top; transactions are begun and ended by hand."""

    def __init__(self, address: str, pragmas: Sequence[str]) -> None:
        """Open `address` (a SQLite URI)."""
        self.driver = sqlite3.connect(
            address,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            timeout=2.0,
            factory=_Driver,
        )
        for pragma in pragmas:
            self.driver.execute(f"PRAGMA {pragma}").close()
        self._engine: Engine = create_engine(
            "sqlite://",
            creator=lambda: self.driver,
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            # Errors are logged and told in dead letters; what a statement was given may be personal data.
            hide_parameters=True,
        )
        self.sql: Connection = self._engine.connect()
        self._changes = 0

    def begin(self) -> None:
        """Begin a writing transaction at once, never halfway."""
        self._changes = self.driver.total_changes
        self.run("BEGIN IMMEDIATE")

    def begin_read(self) -> None:
        """Begin a transaction that sees one instant from its first statement on."""
        self.run("BEGIN")

    def savepoint(self) -> None:
        """Begin an inner transaction."""
        self.run("SAVEPOINT turn")

    def release(self) -> None:
        """Keep what the inner transaction did."""
        self.run("RELEASE turn")

    def rollback_to_savepoint(self) -> None:
        """Undo what the inner transaction did; DatabaseUnavailable when SQLite has ended all of it already."""
        try:
            self.run("ROLLBACK TO turn")
            self.run("RELEASE turn")
        except DBAPIError as error:
            raise DatabaseUnavailable(str(error)) from error

    def rollback(self) -> None:
        """Undo everything; what cannot be undone any more is undone already."""
        with suppress(DatabaseUnavailable, DBAPIError):
            self.run("ROLLBACK")

    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self.driver.in_transaction

    def changed(self) -> bool:
        """Tell whether anything was written since `begin`."""
        return self.driver.total_changes != self._changes

    def run(self, sql: str) -> None:
        """Run a statement without parameters and result."""
        with outside_faults():
            self.driver.execute(sql).close()

    def close(self) -> None:
        """Close the connection."""
        self.sql.close()
        self._engine.dispose()
        self.driver.close()


class Threads:
    """Threads for what blocks; a caller that is cancelled still waits for its thread, which holds the connection."""

    def __init__(self, count: int) -> None:
        """Start threads: as many as may block at once."""
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="sqlite")

    async def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns."""
        return await self._outlast(asyncio.get_running_loop().run_in_executor(self._pool, call))

    async def query(self, link: Link, call: Callable[[], C]) -> C:
        """Return the result of a read; a cancellation interrupts it."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, call)
        try:
            return await self._outlast(future, link.driver.interrupt)
        except asyncio.CancelledError:
            # A statement that was not interrupted in time is still active, and would keep the interruption going.
            if future.exception() is None:
                future.result().close()
            raise

    @staticmethod
    async def _outlast(future: asyncio.Future[T], interrupt: Callable[[], None] | None = None) -> T:
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if interrupt is not None and not future.done():
                interrupt()
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            future.exception()
            raise

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def lock_file(path: Path) -> int:
    """Return the descriptor of the locked lock file; it is freed by closing it, or by the end of the process."""
    lock_path = path.with_name(f"{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DatabaseUnavailable(f"{path} is open in another process (or twice in this one)") from error
    return descriptor
