"""Set-based statements over many rows: what both backends share in building them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import eq, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Dialect, Float, Integer, LargeBinary, Select, Table, Text, bindparam, select
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeDecorator

_DIALECTS: dict[str, Dialect] = {
    "postgresql": make_url("postgresql+asyncpg://").get_dialect()(),
    "sqlite": make_url("sqlite://").get_dialect()(),
}
_PLAIN = (BigInteger, Boolean, Float, Integer, LargeBinary, Text)

Bound = Sequence[tuple[Any, ...]]


class Shape(NamedTuple):
    """Some columns of one table, ready to be written in one dialect."""

    table: str
    columns: tuple[str, ...]
    quoted: tuple[str, ...]
    decorators: tuple[tuple[int, TypeDecorator[Any]], ...]
    types: tuple[str, ...]
    dialect: Dialect

    @property
    def column_list(self) -> str:
        """Return the quoted columns, separated by commas."""
        return ", ".join(self.quoted)

    def indexes(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the places of some columns; ValueError for a column that is not written."""
        return tuple(self.columns.index(name) for name in names)

    def plain(self, names: Sequence[str]) -> Sequence[str]:
        """Return names of columns whose values the driver takes as they are; TypeError for others: as keys they would
        come back changed."""
        changed = {self.columns[place] for place, _ in self.decorators}
        if changed.intersection(names):
            raise TypeError(f"{self.table}: {', '.join(sorted(changed.intersection(names)))} cannot be a key here")
        return names

    def bind(self, rows: Sequence[Sequence[Any]]) -> Bound:
        """Return the rows as the driver takes them."""
        bound = [row if isinstance(row, tuple) else tuple(row) for row in rows]
        for place, decorator in self.decorators:
            # A column often has one and the same object in all rows, such as the transaction's instant.
            given = taken = None
            changed: list[tuple[Any, ...]] = []
            for row in bound:
                if row[place] is not given:
                    given = row[place]
                    taken = decorator.process_bind_param(given, self.dialect)
                changed.append((*row[:place], taken, *row[place + 1 :]))
            bound = changed
        return bound


class Conflict(NamedTuple):
    """What to do with a row whose key is there already; columns outside the named ones are replaced."""

    key: tuple[str, ...]
    add: tuple[str, ...]
    least: tuple[str, ...]
    greatest: tuple[str, ...]


@lru_cache(maxsize=512)
def by_key(table: Table, names: tuple[str, ...]) -> Select[Any]:
    """Return the statement that reads one row by columns of these names, given as parameters `key_<name>`."""
    return select(table).where(*(table.c[name] == bindparam(f"key_{name}") for name in names))


@lru_cache(maxsize=512)
def shape_of(table: Table, columns: tuple[str, ...], dialect_name: str) -> Shape:
    """Return the shape of some columns of a table; TypeError for a column type that has no agreed bulk form."""
    dialect = _DIALECTS[dialect_name]
    quote = dialect.identifier_preparer.quote
    decorators, types = [], []
    for place, name in enumerate(columns):
        kind = table.c[name].type
        if isinstance(kind, TypeDecorator):
            decorators.append((place, kind))
        elif not isinstance(kind, _PLAIN):
            raise TypeError(f"{table.name}.{name}: {kind!r} has no bulk form, see shared.db.columns")
        types.append(kind.compile(dialect=dialect))
    return Shape(
        dialect.identifier_preparer.format_table(table),
        columns,
        tuple(quote(name) for name in columns),
        tuple(decorators),
        tuple(types),
        dialect,
    )


@lru_cache(maxsize=512)
def on_conflict(shape: Shape, conflict: Conflict) -> str:
    """Return the ON CONFLICT clause of an upsert into a table that is called `old` in its statement."""
    quote = shape.dialect.identifier_preparer.quote
    settings = []
    for name, quoted in zip(shape.columns, shape.quoted, strict=True):
        if name in conflict.key:
            continue
        old, new = f"old.{quoted}", f"excluded.{quoted}"
        if name in conflict.add:
            value = _total(shape, old, new)
        elif name in conflict.least:
            value = _extreme(shape, "least", "min", old, new)
        elif name in conflict.greatest:
            value = _extreme(shape, "greatest", "max", old, new)
        else:
            value = new
        settings.append(f"{quoted} = {value}")
    action = f"UPDATE SET {', '.join(settings)}" if settings else "NOTHING"
    return f"ON CONFLICT ({', '.join(quote(name) for name in conflict.key)}) DO {action}"


def _total(shape: Shape, old: str, new: str) -> str:
    """Return the sum of two integers; one beyond 64 bits is an error, as in PostgreSQL, never a rounded number."""
    if shape.dialect.name == "postgresql":
        return f"{old} + {new}"
    # SQLite would go on in floating point: no value at all fails on the column, which takes none.
    return f"CASE typeof({old} + {new}) WHEN 'integer' THEN {old} + {new} END"


def _extreme(shape: Shape, postgres_name: str, sqlite_name: str, old: str, new: str) -> str:
    """Return the smaller or larger of two values; a missing one gives the other, as PostgreSQL does by itself."""
    if shape.dialect.name == "postgresql":
        return f"{postgres_name}({old}, {new})"
    return f"coalesce({sqlite_name}({old}, {new}), {old}, {new})"


def sorted_by_key(shape: Shape, rows: Bound, key: Sequence[str]) -> Bound:
    """Return rows in the order of their key, so that writers take row locks in one order; ValueError for a repeat."""
    pick = itemgetter(*shape.indexes(key))
    ordered = sorted(rows, key=pick)
    keys = list(map(pick, ordered))
    if any(map(eq, keys, keys[1:])):
        raise ValueError(f"a key occurs twice in rows for {shape.table}")
    return ordered


def first_by_key(shape: Shape, rows: Bound, key: Sequence[str]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return the first row of each key."""
    pick = picker(shape.indexes(key))
    by_key: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        by_key.setdefault(pick(row), row)
    return by_key


def picker(places: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return what picks the values at some places of a row, as a tuple."""
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    # Thousands of rows per transaction: itemgetter picks a key several times faster than a generator does.
    return itemgetter(*places)
