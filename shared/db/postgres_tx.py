"""A PostgreSQL transaction: SQLAlchemy Core statements, and bulk writes straight through asyncpg."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zlib import crc32

import asyncpg
from sqlalchemy import CursorResult, Executable, Table, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import Bound, Conflict, Shape, by_key, first_by_key, on_conflict, shape_of, sorted_by_key
from shared.db.port import AnyRow, DatabaseUnavailable

_UNNEST_ROWS = 200
"""Up to here one `unnest` statement wins; above it COPY into a temporary table does (performance.md, section 11)."""
_OUTSIDE_CLASSES = frozenset({"08", "40", "53", "57", "58"})
"""SQLSTATE classes for what no statement is to blame for: connection, serialization, resources, operator, system."""
_OUTSIDE_STATES = frozenset({"55P03", "25P03", "42P01", "42703"})
"""A lock that came too late, a transaction that idled too long, a table or column that migrations have yet to make."""
_STAGES = "tocsin_stages"


@contextmanager
def outside_faults() -> Iterator[None]:
    """Raise lost connections, shutdowns, serialization failures and full disks as DatabaseUnavailable."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("no free connection in time") from error
    except DBAPIError as error:
        cause = _driver_error(error)
        if error.connection_invalidated or _is_outside(cause):
            raise DatabaseUnavailable(str(cause or error)) from error
        raise
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError("bulk statement", None, error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        if _is_outside(error):
            raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error
        if isinstance(error, asyncpg.PostgresError):
            raise DBAPIError("bulk statement", None, error) from error
        raise


def _driver_error(error: DBAPIError) -> BaseException | None:
    original = error.orig
    return None if original is None else original.__cause__ or original


def _is_outside(error: BaseException | None) -> bool:
    if isinstance(error, asyncpg.InterfaceError):
        # A closed connection; but a value that does not fit its column, and two tasks in one transaction, are our own
        # mistakes under the same name.
        return not isinstance(error, ValueError) and "another operation" not in str(error)
    if isinstance(error, (OSError, asyncpg.InternalClientError, asyncpg.InvalidCachedStatementError)):
        return True
    state = getattr(error, "sqlstate", None)
    return state is not None and (state[:2] in _OUTSIDE_CLASSES or state in _OUTSIDE_STATES)


class PostgresTx:
    """A transaction on one connection (`shared.db.port.Tx`)."""

    def __init__(self, connection: AsyncConnection, driver: Any, now: datetime) -> None:
        """Work through `connection`, whose asyncpg connection is `driver`; BEGIN has been sent."""
        self.now = now
        self._connection: AsyncConnection | None = connection
        self._driver = driver
        self.new_stages: set[str] = set()
        self._filled_stages: set[str] = set()

    def end(self) -> None:
        """Make further use an error: the connection goes back to the pool."""
        self._connection = None

    def _open_connection(self) -> AsyncConnection:
        if self._connection is None:
            raise RuntimeError("this transaction has ended")
        return self._connection

    async def _run(self, statement: Executable, parameters: Any) -> CursorResult[Any]:
        with outside_faults():
            return await self._open_connection().execute(statement, parameters)

    async def execute(self, statement: Executable, parameters: Any = None) -> int:
        """Run one statement; return the number of rows it touched."""
        result = await self._run(statement, parameters)
        touched = result.rowcount
        result.close()
        return touched

    async def rows(self, statement: Executable, parameters: Any = None) -> Sequence[AnyRow]:
        """Run one statement and return all its rows."""
        return (await self._run(statement, parameters)).all()

    async def row(self, statement: Executable, parameters: Any = None) -> AnyRow | None:
        """Run one statement and return its first row, if any."""
        return (await self._run(statement, parameters)).first()

    async def insert(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows in the order given."""
        shape = shape_of(table, tuple(columns), "postgresql")
        await self._write_many(table, shape, shape.bind(rows), "")

    async def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], key: Sequence[str]
    ) -> set[tuple[Any, ...]]:
        """Insert the rows whose key is not there yet; return their keys."""
        shape = shape_of(table, tuple(columns), "postgresql")
        first = first_by_key(shape, shape.bind(rows), shape.plain(key))
        names = ", ".join(shape.quoted[place] for place in shape.indexes(key))
        clause = f"ON CONFLICT ({names}) DO NOTHING RETURNING {names}"
        new = await self._write_many(table, shape, [first[values] for values in sorted(first)], clause)
        return {tuple(values) for values in new}

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
        shape = shape_of(table, tuple(columns), "postgresql")
        clause = on_conflict(shape, Conflict(tuple(key), tuple(add), tuple(least), tuple(greatest)))
        await self._write_many(table, shape, sorted_by_key(shape, shape.bind(rows), key), clause)

    async def lock(self, table: Table, key: dict[str, Any], shared: bool = False) -> AnyRow | None:
        """Lock one row to the end of the transaction, for ourselves or shared with other readers."""
        wanted = by_key(table, tuple(key)).with_for_update(read=shared)
        return await self.row(wanted, {f"key_{name}": value for name, value in key.items()})

    async def hold(self, statement: Executable, parameters: Any) -> None:
        """Run a statement for the row locks that it takes."""
        (await self._run(statement, parameters)).close()

    async def wake(self, channel: str, payload: str) -> None:
        """Notify listeners in all processes once this transaction has committed."""
        await self._run(select(func.pg_notify(channel, payload)), None)

    async def _write_many(self, table: Table, shape: Shape, rows: Bound, clause: str) -> Sequence[Sequence[Any]]:
        """Insert rows by one statement; return what its RETURNING says."""
        self._open_connection()
        if not rows:
            return ()
        with outside_faults():
            if len(rows) <= _UNNEST_ROWS:
                marks = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(shape.types, 1))
                source = f"unnest({marks}) AS new({shape.column_list})"
                arrays: tuple[Any, ...] = tuple(zip(*rows, strict=True))
            else:
                source, arrays = await self._stage(table, shape, rows), ()
            found: Sequence[Sequence[Any]] = await self._driver.fetch(
                f"INSERT INTO {shape.table} AS old ({shape.column_list}) "  # noqa: S608 - names only
                f"SELECT {shape.column_list} FROM {source} {clause}",
                *arrays,
            )
        return found

    async def _stage(self, table: Table, shape: Shape, rows: Bound) -> str:
        """Copy rows into this connection's temporary table for the shape; return the table's name."""
        name = f"stage_{table.name}_{crc32(shape.column_list.encode()):08x}"
        ready: set[str] = self._open_connection().info.setdefault(_STAGES, set())
        if name not in ready and name not in self.new_stages:
            fields = ", ".join(f"{column} {kind}" for column, kind in zip(shape.quoted, shape.types, strict=True))
            await self._driver.execute(f'CREATE TEMPORARY TABLE "{name}" ({fields}) ON COMMIT DELETE ROWS')
            self.new_stages.add(name)
        elif name in self._filled_stages:
            await self._driver.execute(f'TRUNCATE "{name}"')
        self._filled_stages.add(name)
        await self._driver.copy_records_to_table(name, columns=shape.columns, records=rows)
        return f'"{name}"'

    def keep_stages(self) -> None:
        """Remember the temporary tables that the commit has made lasting for this connection."""
        if self.new_stages:
            self._open_connection().info.setdefault(_STAGES, set()).update(self.new_stages)
