"""Statements that are built once: the second time they run past SQLAlchemy, and nobody can tell."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Boolean, Column, MetaData, Table, Text, bindparam, delete, func, select

from shared.db.among import among_given
from shared.db.columns import JsonText, Moment
from shared.db.sqlite import open_sqlite
from shared.db.sqlite_prepared import prepared

_META = MetaData()
_THING = Table(
    "thing",
    _META,
    Column("name", Text, primary_key=True),
    Column("seen", Moment, nullable=True),
    Column("good", Boolean, nullable=False),
    Column("parts", JsonText, nullable=False),
)
_AT = datetime(2024, 2, 1, 12, tzinfo=UTC)
_ROWS = [("a", _AT, True, {"n": 1}), ("b", None, False, []), ("c", _AT, True, "text")]


async def test_rows_are_the_same_every_time() -> None:
    named = select(_THING).where(among_given(_THING.c.name, "names")).order_by(_THING.c.name)
    counted = select(func.count(), func.max(_THING.c.name)).where(_THING.c.good.is_(bindparam("good", value=True)))
    gone = delete(_THING).where(_THING.c.name == bindparam("name"))
    database = open_sqlite(None)
    try:
        await database.run_sync(_META.create_all)
        for _ in range(3):
            async with database.transaction() as tx:
                await tx.insert(_THING, [column.name for column in _THING.columns], _ROWS)
                rows = await tx.rows(named, {"names": ["a", "b"]})
                assert [tuple(row) for row in rows] == _ROWS[:2]
                assert (rows[0].seen, rows[0].good, rows[0]._mapping["parts"]) == (_AT, True, {"n": 1})
                assert await tx.row(named, {"names": []}) is None
                assert tuple(await tx.row(counted) or ()) == (2, "c")
                assert tuple(await tx.row(counted, {"good": False}) or ()) == (1, "b")
                assert [await tx.execute(gone, {"name": name}) for name in ("a", "b", "c", "c")] == [1, 1, 1, 0]
        assert prepared(named) is not None
        assert prepared(gone) is not None
    finally:
        await database.close()


def test_what_only_sqlalchemy_can_run_is_left_to_it() -> None:
    expanding = select(_THING.c.name).where(_THING.c.name.in_(bindparam("names", expanding=True)))
    assert [prepared(expanding) for _ in range(3)] == [None, None, None]
    assert [prepared(_THING.insert()) for _ in range(3)] == [None, None, None]


def test_a_missing_parameter_is_an_error() -> None:
    statement = select(_THING.c.name).where(_THING.c.name == bindparam("name"))
    prepared(statement)
    ready = prepared(statement)
    assert ready is not None
    with pytest.raises(KeyError, match="name"):
        ready.bind({})
