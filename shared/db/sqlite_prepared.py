"""Statements that are built once, run on SQLite without SQLAlchemy in between.

SQLAlchemy finds the compiled form of a statement, wraps its parameters and its result anew at each execution, which
costs several times what SQLite takes for a look-up by key. Of a statement object that comes a second time all that is
known already, and what is left is one call of the driver.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Delete, Executable, Select, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import result_tuple

from shared.db.port import AnyRow

_DIALECT = sqlite.dialect()
_NO_PARAMETERS: Mapping[str, Any] = {}

Process = Callable[[Any], Any]


class _Bind(NamedTuple):
    """One placeholder: what is bound there, and how the driver takes it."""

    name: str
    default: Any
    required: bool
    process: Process | None


class Prepared:
    """One statement as SQLite takes it, and what makes rows of its answer."""

    def __init__(self, sql: str, binds: Sequence[_Bind], results: Sequence[Process | None]) -> None:
        """`results` converts the values of a row, column by column."""
        self.sql = sql
        self._binds = tuple(binds)
        self._results = tuple(results) if any(results) else ()
        self._row: Callable[[Sequence[Any]], AnyRow] | None = None

    def bind(self, parameters: Mapping[str, Any] | None) -> list[Any]:
        """Return the parameters in their places; KeyError when one is missing."""
        given = parameters or _NO_PARAMETERS
        bound = []
        for name, default, required, process in self._binds:
            value = given[name] if required else given.get(name, default)
            bound.append(value if process is None else process(value))
        return bound

    def shape(self, cursor: sqlite3.Cursor, found: Sequence[Sequence[Any]]) -> list[AnyRow]:
        """Return what the cursor fetched as rows with named columns."""
        if self._row is None:
            self._row = result_tuple([column[0] for column in cursor.description])
        make = self._row
        if not self._results:
            return [make(values) for values in found]
        results = self._results
        return [
            make([value if process is None else process(value) for process, value in zip(results, values, strict=True)])
            for values in found
        ]


_seen: WeakKeyDictionary[Executable, Prepared | None] = WeakKeyDictionary()


def prepared(statement: Executable) -> Prepared | None:
    """Return a statement prepared, from its second time on; None for those that SQLAlchemy has to run."""
    if not isinstance(statement, Select | Delete | Update):
        return None
    if statement not in _seen:
        _seen[statement] = None
        return None
    known = _seen[statement]
    if known is None and (known := _prepare(statement)) is not None:
        _seen[statement] = known
    return known


def _prepare(statement: Select[Any] | Delete | Update) -> Prepared | None:
    compiled = statement.compile(dialect=_DIALECT)
    names: Sequence[str] = compiled.positiontup or ()
    parameters = [compiled.binds[name] for name in names]
    if any(one.expanding or one.literal_execute or one.callable for one in parameters):
        return None
    if isinstance(statement, Update) and any(one.required and one.key in statement.table.c for one in parameters):
        # Its columns to set are told by the parameters of each execution.
        return None
    binds = [
        _Bind(name, one.value, one.required, one.type.dialect_impl(_DIALECT).bind_processor(_DIALECT))
        for name, one in zip(names, parameters, strict=True)
    ]
    results = [
        column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None) for column in statement.exported_columns
    ]
    return Prepared(str(compiled), binds, results)
