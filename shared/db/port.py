"""The database port: one kind of transaction, a few set-based statements, named claims.

Two backends, one contract (`tests/shared/test_db_contract.py`): PostgreSQL (`postgres.py`) and SQLite (`sqlite.py`).
Tables are SQLAlchemy Core tables; stores are functions of `(tx, ...)` that never commit.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Executable, Row, Table

T = TypeVar("T")

AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns the type checker does not follow: unpack it or name its columns."""


class DatabaseUnavailable(Exception):
    """The database did not answer, or broke the connection; the transaction did not happen or its fate is unknown."""


class Tx(Protocol):
    """An open transaction. Leaving its block normally commits, by an exception rolls back."""

    now: datetime
    """One instant (UTC) for all rows of this transaction."""

    async def execute(self, statement: Executable, parameters: Any = None) -> int:
        """Run one SQLAlchemy Core statement; return the number of rows it touched."""

    async def rows(self, statement: Executable, parameters: Any = None) -> Sequence[AnyRow]:
        """Run one statement and return all its rows."""

    async def row(self, statement: Executable, parameters: Any = None) -> AnyRow | None:
        """Run one statement and return its first row, if any."""

    async def insert(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows by one set-based statement."""

    async def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], key: Sequence[str]
    ) -> set[tuple[Any, ...]]:
        """Insert the rows whose key is not there yet; return the keys that were new; of repeats the first wins."""

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
        """Insert or update many rows by one set-based statement, sorted by key so that writers cannot deadlock.

        Columns outside `key` are replaced, except those in `add` (summed with what is there), `least` and `greatest`.
        A key may occur once in `rows`.
        """

    async def lock(self, table: Table, key: dict[str, Any], shared: bool = False) -> AnyRow | None:
        """Lock one row to the end of the transaction (SQLite: the one writer does anyway); None when there is none."""

    async def hold(self, statement: Executable, parameters: Any) -> None:
        """Run a statement for nothing but the row locks that it takes (SQLite: the one writer has them anyway)."""

    async def wake(self, channel: str, payload: str) -> None:
        """Wake listeners of a channel once this transaction has committed (a hint: it may be lost)."""


class Database(Protocol):
    """One service's own database."""

    dialect: str

    def transaction(self, *, snapshot: bool = False) -> AbstractAsyncContextManager[Tx]:
        """Open a transaction. `snapshot`: reads see one instant (PostgreSQL REPEATABLE READ)."""

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """Open a read-only transaction that sees one instant."""

    def claim(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Try to hold a named claim (one holder among all processes) for the block; yields whether it is held."""

    def listen(self, channel: str) -> AsyncIterator[str]:
        """Yield payloads of `wake`, coalesced; ends with the database."""

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run synchronous SQLAlchemy work in one transaction: migrations, nothing else."""

    async def check(self) -> str | None:
        """Return why the database cannot be used now, or None."""

    async def close(self) -> None:
        """Close all connections."""


Rows = Iterable[Sequence[Any]]
