"""`column among many values` goes through the column's index, whatever the size of the table."""

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Select, Table, Text, text
from sqlalchemy.dialects import sqlite

from shared.db.among import among, among_given
from shared.db.sqlite import open_sqlite

_META = MetaData()
_THING = Table(
    "thing", _META, Column("name", Text, primary_key=True), Column("number", BigInteger, unique=True, nullable=False)
)


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (_THING.select().where(among_given(_THING.c.name, "given")), '["a"]'),
        (_THING.select().where(among_given(_THING.c.number, "given")), "[7]"),
        (_THING.select().where(among(_THING.c.name, ["a"])), '["a"]'),
    ],
)
async def test_sqlite_searches_and_does_not_scan(statement: Select[tuple[str, int]], parameters: str) -> None:
    database = open_sqlite(None)
    try:
        await database.run_sync(_META.create_all)
        async with database.transaction() as tx:
            await tx.insert(_THING, ("name", "number"), [("a", 7), ("b", 8)])
            found = await tx.rows(statement, {"given": ["a"] if "a" in parameters else [7]})
            assert [tuple(row) for row in found] == [("a", 7)]
        sql = str(statement.compile(dialect=sqlite.dialect())).replace("?", f"'{parameters}'")
        async with database.read() as tx:
            plan = [str(row.detail) for row in await tx.rows(text(f"EXPLAIN QUERY PLAN {sql}"))]
        assert any(step.startswith("SEARCH thing USING") for step in plan), plan
    finally:
        await database.close()
