"""`column IN (many keys)` with one bound parameter: a JSON list, so that a statement has one text for any number."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _EachKey(FunctionElement[str]):
    """The elements of a JSON list of texts, as a table of one column `value`."""

    inherit_cache = True
    type = Text()


@compiles(_EachKey, "sqlite")
def _for_sqlite(element: _EachKey, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kwargs)})"


@compiles(_EachKey, "postgresql")
def _for_postgres(element: _EachKey, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **kwargs)} AS JSONB))"


def among(column: ColumnElement[str], keys: Iterable[str]) -> ColumnElement[bool]:
    """Tell whether a text column is one of `keys`, however many there are."""
    packed = msgspec.json.encode(list(keys)).decode()
    return column.in_(select(_EachKey(bindparam(None, packed, type_=Text)).table_valued("value").c.value))
