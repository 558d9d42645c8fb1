"""A transaction whose writes are noted, for a preview: what would change, said in plain data before anybody does it.

The work itself runs for real, on the real tables, in a transaction that is rolled back: a preview cannot say anything
else than what would happen.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Executable, Select, Table, and_, or_, select
from sqlalchemy.sql.dml import UpdateBase

from shared.db.house import HouseTables
from shared.db.outbox import type_of
from shared.db.port import AnyRow, Database, Tx

T = TypeVar("T")

ROWS_NOTED_MAX = 1_000
"""Rows of one table that are noted one by one; more are counted."""
CHANGES_SHOWN_MAX = 200

Plain = str | int | float | bool | None
Shown = dict[tuple[str, str], dict[str, Plain]]
"""By kind and name of a thing: what it is, in plain data."""


class Change(NamedTuple):
    """What would become of one thing; `before` is None of one that is new, `after` of one that would go."""

    kind: str
    name: str
    before: dict[str, Plain] | None
    after: dict[str, Plain] | None


class Previewed(NamedTuple):
    """What a piece of work would change."""

    changes: list[Change]
    """Ordered by kind and name, at most `CHANGES_SHOWN_MAX`."""
    more: int
    """How many changes are not listed."""


class Writes:
    """Which rows were written, by table; statements that name no rows are counted."""

    def __init__(self) -> None:
        """Nothing was written yet."""
        self.rows: dict[Table, list[dict[str, Any]]] = {}
        self.count: Counter[str] = Counter()

    def note(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Note rows as they were given to the database."""
        self.count[table.name] += len(rows)
        noted = self.rows.setdefault(table, [])
        noted.extend(dict(zip(columns, row, strict=True)) for row in rows[: ROWS_NOTED_MAX - len(noted)])

    def of(self, table: Table) -> list[dict[str, Any]]:
        """Return the rows of a table that were written."""
        return self.rows.get(table, [])


class WatchedTx:
    """A transaction (`shared.db.port.Tx`) that notes what it writes."""

    def __init__(self, tx: Tx, writes: Writes) -> None:
        """Work through `tx`."""
        self.now: datetime = tx.now
        self._tx, self._writes = tx, writes

    async def execute(self, statement: Executable, parameters: Any = None) -> int:
        """Run one statement; return the number of rows it touched."""
        touched = await self._tx.execute(statement, parameters)
        if isinstance(statement, UpdateBase) and isinstance(statement.table, Table):
            self._writes.count[statement.table.name] += touched
        return touched

    async def rows(self, statement: Executable, parameters: Any = None) -> Sequence[AnyRow]:
        """Run one statement and return all its rows."""
        return await self._tx.rows(statement, parameters)

    async def row(self, statement: Executable, parameters: Any = None) -> AnyRow | None:
        """Run one statement and return its first row, if any."""
        return await self._tx.row(statement, parameters)

    async def insert(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows."""
        await self._tx.insert(table, columns, rows)
        self._writes.note(table, columns, rows)

    async def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], key: Sequence[str]
    ) -> set[tuple[Any, ...]]:
        """Insert the rows whose key is not there yet; return their keys."""
        new = await self._tx.insert_new(table, columns, rows, key)
        places = [list(columns).index(name) for name in key]
        self._writes.note(table, columns, [row for row in rows if tuple(row[place] for place in places) in new])
        return new

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
        await self._tx.upsert(table, columns, rows, key, add, least, greatest)
        self._writes.note(table, columns, rows)

    async def lock(self, table: Table, key: dict[str, Any], shared: bool = False) -> AnyRow | None:
        """Lock one row to the end of the transaction."""
        return await self._tx.lock(table, key, shared)

    async def hold(self, statement: Executable, parameters: Any) -> None:
        """Run a statement for nothing but the row locks that it takes."""
        await self._tx.hold(statement, parameters)

    async def wake(self, channel: str, payload: str) -> None:
        """Wake nobody: this transaction does not commit."""


class _Undo(Exception):
    """The work is done and looked at: roll it back."""


async def preview(
    database: Database,
    work: Callable[[Tx, Writes], Awaitable[T]],
    show: Callable[[Tx, Writes], Awaitable[Shown]],
) -> tuple[T, Previewed]:
    """Do `work` in a transaction that is rolled back; return its result, and what differs in what `show` tells of the
    things that it wrote, before and after. Raises what `work` raises.
    """
    writes = Writes()
    kept: list[tuple[T, Shown]] = []
    try:
        async with database.transaction() as tx:
            result = await work(tx, writes)
            kept.append((result, await show(tx, writes)))
            raise _Undo  # noqa: TRY301 - only an exception that leaves the block rolls it back
    except _Undo:
        pass
    ((result, after),) = kept
    async with database.read() as tx:
        before = await show(tx, writes)
    return result, _compared(before, after)


def _compared(before: Shown, after: Shown) -> Previewed:
    names = sorted(before.keys() | after.keys())
    found = [Change(*name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
    return Previewed(found[:CHANGES_SHOWN_MAX], max(0, len(found) - CHANGES_SHOWN_MAX))


async def show_rows(tx: Tx, table: Table, rows: Sequence[dict[str, Any]]) -> Shown:
    """Show rows of a table as they are, found by their keys: numbers and texts. Bytes are left out: messages and
    contacts, which may be personal data (D19), are nobody's concern here."""
    keys = [column.name for column in table.primary_key.columns]
    wanted = {tuple(row[name] for name in keys) for row in rows if all(row.get(name) is not None for name in keys)}
    shown: Shown = {}
    for part in _parts(sorted(wanted, key=repr)):
        for row in await tx.rows(_by_keys(table, keys, part)):
            fields = row._mapping
            name = "/".join(str(fields[key]) for key in keys)
            shown[table.name, name] = {name: _plain(value) for name, value in fields.items() if _is_shown(value)}
    return shown


async def show_messages(tx: Tx, house: HouseTables, writes: Writes) -> Shown:
    """Show the messages that would go out."""
    box = house.outbox
    ids = [row["event_id"] for row in writes.of(box)]
    rows = await tx.rows(select(box.c.event_id, box.c.topic, box.c.key, box.c.headers).where(box.c.event_id.in_(ids)))
    return {
        ("message", row.event_id): {"type": type_of(row.headers), "topic": row.topic, "key": row.key} for row in rows
    }


async def show_all(tx: Tx, house: HouseTables, writes: Writes) -> Shown:
    """Show all rows that were written but those of the house, and the messages that would go out."""
    own = {house.outbox, house.position, house.lanes, house.idempotency}
    shown = await show_messages(tx, house, writes)
    for table, rows in writes.rows.items():
        if table not in own:
            shown.update(await show_rows(tx, table, rows))
    return shown


_PART = 50


def _parts(keys: Sequence[tuple[Any, ...]]) -> list[Sequence[tuple[Any, ...]]]:
    return [keys[start : start + _PART] for start in range(0, len(keys), _PART)]


def _by_keys(table: Table, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> Select[Any]:
    same = [and_(*(table.c[name] == value for name, value in zip(names, key, strict=True))) for key in keys]
    return select(table).where(or_(*same))


def _is_shown(value: object) -> bool:
    return not isinstance(value, bytes | memoryview)


def _plain(value: Any) -> Plain:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
