"""The database port on PostgreSQL: SQLAlchemy's pool over asyncpg, claims as advisory locks, wakes as NOTIFY.

Transactions are begun and ended by hand on the driver's connection (SQLAlchemy is told AUTOCOMMIT), because asyncpg
under SQLAlchemy begins its own only at the first statement, and the bulk writes go past SQLAlchemy.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.clock import Clock, SystemClock
from shared.db.port import DatabaseUnavailable
from shared.db.postgres_session import Claims, Notifications
from shared.db.postgres_tx import PostgresTx, outside_faults
from shared.db.wakes import Listener, Switchboard

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 120.0
CHECK_TIMEOUT_S = 3.0
_POOL_TIMEOUT_S = 30.0
_ROLLBACK_TIMEOUT_S = 5.0
_SERVER_SETTINGS = {
    "application_name": "tocsin",
    # A process that was stopped in the middle of a transaction must not hold its rows against its successor.
    "idle_in_transaction_session_timeout": "20s",
    "lock_timeout": "30s",
    # Compiling a plan costs more than any statement of ours.
    "jit": "off",
    # A connection keeps its plans. One made while a table was nearly empty would read all of it for each look-up when
    # it has grown, until it is next analysed: 60 ms instead of 2 for 700 clients among 5,000 (measured).
    "enable_seqscan": "off",
    "timezone": "UTC",
}


class PostgresDatabase:
    """One service's own database (`shared.db.port.Database`)."""

    dialect = "postgresql"

    def __init__(self, engine: AsyncEngine, pool_size: int, connect: dict[str, Any], clock: Clock) -> None:
        """Work through `engine`; `connect` holds what asyncpg needs for the two connections outside the pool."""
        self._engine = engine
        self._pool_size = pool_size
        self._clock = clock
        self._board = Switchboard()
        self._claims = Claims(connect)
        self._notifications = Notifications(connect, self._board)
        self._closed = False

    def transaction(self, *, snapshot: bool = False) -> AbstractAsyncContextManager[PostgresTx]:
        """Open a transaction: READ COMMITTED, or with `snapshot` REPEATABLE READ."""
        return self._transact(f"BEGIN ISOLATION LEVEL {'REPEATABLE READ' if snapshot else 'READ COMMITTED'}")

    def read(self) -> AbstractAsyncContextManager[PostgresTx]:
        """Open a read-only transaction that sees one instant."""
        return self._transact("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    @asynccontextmanager
    async def _transact(self, begin: str) -> AsyncIterator[PostgresTx]:
        connection, driver = await self._begun(begin)
        tx = PostgresTx(connection, driver, self._clock.now())
        try:
            try:
                yield tx
            except BaseException:
                await self._roll_back(connection, driver)
                raise
            try:
                await _commit(driver)
            except BaseException:
                await self._roll_back(connection, driver)
                raise
            tx.keep_stages()
        finally:
            tx.end()
            await asyncio.shield(connection.close())

    async def _begun(self, begin: str) -> tuple[AsyncConnection, Any]:
        """Return a connection in a new transaction; connections that died in the pool are replaced on the way."""
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        for attempt in range(self._pool_size + 1):
            connection = self._engine.connect()
            try:
                with outside_faults():
                    await connection.start()
            except (DBAPIError, asyncpg.PostgresError) as error:
                # Whatever keeps us from connecting, a wrong password too, is waited for and shown by readiness.
                raise DatabaseUnavailable(str(error)) from error
            try:
                with outside_faults():
                    driver: Any = (await connection.get_raw_connection()).driver_connection
                    await driver.execute(begin)
            except BaseException as error:
                await connection.invalidate()
                await connection.close()
                if isinstance(error, DatabaseUnavailable) and attempt < self._pool_size:
                    continue
                raise
            return connection, driver
        raise DatabaseUnavailable("every connection of the pool was lost")

    async def _roll_back(self, connection: AsyncConnection, driver: Any) -> None:
        """Undo the transaction; a connection on which even that fails is thrown away."""
        try:
            with outside_faults():
                async with asyncio.timeout(_ROLLBACK_TIMEOUT_S):
                    await driver.execute("ROLLBACK")
        except (DatabaseUnavailable, asyncio.CancelledError):
            await connection.invalidate()

    def claim(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold a claim as an advisory lock; when it is lost the block is broken off with DatabaseUnavailable."""
        return self._claims.hold(name)

    def listen(self, channel: str) -> Listener:
        """Listen from soon on (and again after a lost connection): what is sent meanwhile is missed."""
        listener = self._board.listen(channel)
        self._notifications.refresh()
        return listener

    async def check(self) -> str | None:
        """Return why the database cannot be used now, or None."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                async with self.read() as tx:
                    await tx.row(text("SELECT 1"))
        except DatabaseUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {CHECK_TIMEOUT_S:g} s"
        return None

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run synchronous SQLAlchemy work, such as a migration, in one transaction."""
        connection, driver = await self._begun("BEGIN")
        try:
            with outside_faults():
                result = await connection.run_sync(work)
            await _commit(driver)
        except BaseException:
            await self._roll_back(connection, driver)
            raise
        finally:
            await connection.close()
        return result

    async def close(self) -> None:
        """End listeners and claims, close all connections."""
        if self._closed:
            return
        self._closed = True
        self._board.close()
        await self._notifications.close()
        await self._claims.close()
        await self._engine.dispose()


async def _commit(driver: Any) -> None:
    """Commit; RuntimeError when PostgreSQL had given the transaction up at an error that the block swallowed."""
    with outside_faults():
        outcome = await driver.execute("COMMIT")
    if outcome != "COMMIT":
        raise RuntimeError("a statement failed and its error was swallowed: the transaction was rolled back")


def open_postgres(dsn: str, pool_size: int = 10, clock: Clock | None = None) -> PostgresDatabase:
    """Return a database that connects when it is first used.

    `dsn` is `postgresql://user:password@host:port/database` (asyncpg's options as query parameters). `pool_size` bounds
    the transactions open at once; two more connections serve claims and notifications. `clock` gives `Tx.now`.
    """
    connect = {
        "dsn": make_url(dsn).set(drivername="postgresql").render_as_string(hide_password=False),
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": STATEMENT_TIMEOUT_S,
        "server_settings": _SERVER_SETTINGS,
    }
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(**connect),
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT_S,
        # Errors are logged and told in dead letters; what a statement was given may be personal data.
        hide_parameters=True,
    )
    return PostgresDatabase(engine, pool_size, connect, clock or SystemClock())
