"""Counters: what each day adds to each measure of each segment; summed on read (D4, D5).

A tally is what is counted: (book, segment, measure, currency). Its number is hashed from these, so that any process
knows it without asking, and the many narrow rows of counters have short keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, select

from services.risk.store.tables import COUNTER, COUNTER_MONTH, TALLY
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day, Month, month_of, month_start
from shared.kernel.ids import hashed_id

Cell = tuple[str, str, str, Day]
"""(segment, currency, measure, day)."""
Sums = dict[tuple[str, str, str], int]
"""(segment, currency, measure) -> sum."""

_DAY_COLUMNS = ("tally", "day", "partition", "value")
_MONTH_COLUMNS = ("tally", "month", "partition", "value")
_TALLY_COLUMNS = ("id", "book", "segment", "measure", "currency")

_WANTED = and_(
    TALLY.c.book == bindparam("of"), among_given(TALLY.c.segment, "segments"), among_given(TALLY.c.measure, "measures")
)


def _sums_by(table: Table, period: ColumnElement[Any]) -> Select[Any]:
    return (
        select(period, TALLY.c.segment, TALLY.c.currency, TALLY.c.measure, func.sum(table.c.value))
        .join(table, table.c.tally == TALLY.c.id)
        .where(_WANTED, period >= bindparam("first"), period <= bindparam("last"))
        .group_by(period, TALLY.c.id)
    )


_BY_DAY, _BY_MONTH = _sums_by(COUNTER, COUNTER.c.day), _sums_by(COUNTER_MONTH, COUNTER_MONTH.c.month)
_BEFORE = (
    select(TALLY.c.segment, TALLY.c.currency, TALLY.c.measure, func.sum(COUNTER_MONTH.c.value))
    .join(COUNTER_MONTH, COUNTER_MONTH.c.tally == TALLY.c.id)
    .where(_WANTED, COUNTER_MONTH.c.month < bindparam("month_after"))
    .group_by(TALLY.c.id)
)


TALLIES_REMEMBERED_MAX = 200_000
"""Tallies that a process knows to be in its database; beyond it, it asks again."""


@lru_cache(maxsize=65_536)
def tally_of(book: str, segment: str, measure: str, currency: str) -> int:
    """Return the number of a tally: 60 bits of its hash, so that a million of them meet with a chance of 1 in 10^6."""
    return int(hashed_id(book, segment, measure, currency)[:15], 16)


async def add_cells(tx: Tx, partition: int, cells: Mapping[str, Mapping[Cell, int]], known: set[int]) -> None:
    """Add each book's cells to its counters of this partition.

    `known`: tallies that are sure to be in the database; those that turn out to be are added. One that is new here is
    not, because this transaction may yet roll back.
    """
    days: list[tuple[int, Day, int, int]] = []
    months: dict[tuple[int, Month], int] = {}
    unknown: dict[int, tuple[int, str, str, str, str]] = {}
    for book, of_book in cells.items():
        for (segment, currency, measure, day), value in of_book.items():
            if value:
                tally = tally_of(book, segment, measure, currency)
                if tally not in known:
                    unknown[tally] = (tally, book, segment, measure, currency)
                days.append((tally, day, partition, value))
                key = (tally, month_of(day))
                months[key] = months.get(key, 0) + value
    if unknown:
        new = await tx.insert_new(TALLY, _TALLY_COLUMNS, list(unknown.values()), ("id",))
        if len(known) + len(unknown) > TALLIES_REMEMBERED_MAX:
            known.clear()
        known.update(unknown.keys() - {tally for (tally,) in new})
    if days:
        await tx.upsert(COUNTER, _DAY_COLUMNS, days, _DAY_COLUMNS[:-1], add=("value",))
    rows = [(*key, partition, value) for key, value in months.items() if value]
    if rows:
        await tx.upsert(COUNTER_MONTH, _MONTH_COLUMNS, rows, _MONTH_COLUMNS[:-1], add=("value",))


async def values_of(tx: Tx, cells: Iterable[tuple[int, Day]]) -> list[tuple[str, str, str, Day, int]]:
    """Return (measure, segment, currency, day, value) of each (tally, day), over all partitions."""
    wanted = set(cells)
    rows = await tx.rows(
        select(TALLY.c.measure, TALLY.c.segment, TALLY.c.currency, COUNTER.c.day, TALLY.c.id, func.sum(COUNTER.c.value))
        .join(COUNTER, COUNTER.c.tally == TALLY.c.id)
        .where(TALLY.c.id.in_({tally for tally, _ in wanted}), COUNTER.c.day.in_({day for _, day in wanted}))
        .group_by(TALLY.c.id, COUNTER.c.day)
    )
    return [
        (measure, segment, currency, day, int(value))
        for measure, segment, currency, day, tally, value in rows
        if (tally, day) in wanted
    ]


async def month_sums(
    tx: Tx, book: str, segments: Sequence[str], measures: Iterable[str], months: tuple[Month, Month]
) -> dict[Month, Sums]:
    """Return the sums of each month from the first to the last one that have rows."""
    return await _sums(tx, _BY_MONTH, _wanted(book, segments, measures), months)


async def day_sums(
    tx: Tx, book: str, segments: Sequence[str], measures: Iterable[str], days: tuple[Day, Day]
) -> dict[Day, Sums]:
    """Return the sums of each day from the first to the last one that have rows."""
    return await _sums(tx, _BY_DAY, _wanted(book, segments, measures), days)


async def sums_before(tx: Tx, book: str, segments: Sequence[str], measures: Iterable[str], month: Month) -> Sums:
    """Return the sums of all months before a month: the level at its start."""
    rows = await tx.rows(_BEFORE, {**_wanted(book, segments, measures), "month_after": month})
    return {(segment, currency, measure): int(value) for segment, currency, measure, value in rows}


def _wanted(book: str, segments: Sequence[str], measures: Iterable[str]) -> dict[str, Any]:
    return {"of": book, "segments": list(segments), "measures": list(measures)}


async def _sums(tx: Tx, statement: Select[Any], wanted: dict[str, Any], periods: tuple[int, int]) -> dict[int, Sums]:
    rows = await tx.rows(statement, {**wanted, "first": periods[0], "last": periods[1]})
    found: dict[int, Sums] = {}
    for number, segment, currency, measure, value in rows:
        found.setdefault(number, {})[segment, currency, measure] = int(value)
    return found


async def last_days(tx: Tx, book: str, segment: str, measure: str, months: tuple[Month, Month]) -> dict[Month, Day]:
    """Return for each month the last day on which a measure of a segment is not 0."""
    by_day = (
        select(COUNTER.c.day)
        .join(TALLY, TALLY.c.id == COUNTER.c.tally)
        .where(
            TALLY.c.book == book,
            TALLY.c.segment == segment,
            TALLY.c.measure == measure,
            COUNTER.c.day >= month_start(months[0]),
            COUNTER.c.day < month_start(months[1] + 1),
        )
        .group_by(COUNTER.c.day)
        .having(func.sum(COUNTER.c.value) != 0)
    )
    found: dict[Month, Day] = {}
    for (day,) in await tx.rows(by_day):
        month = month_of(day)
        found[month] = max(day, found.get(month, day))
    return found


async def segments_of(tx: Tx, book: str) -> list[str]:
    """Return the segments of a book that have counters, by name.

    One step through the index per segment, whatever the number of tallies behind each.
    """
    table = TALLY.c
    first = select(func.min(table.segment).label("segment")).where(table.book == book)
    found = first.cte("found", recursive=True)
    following = select(func.min(table.segment)).where(table.book == book, table.segment > found.c.segment)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.segment.is_not(None)))
    rows = await tx.rows(select(found.c.segment).where(found.c.segment.is_not(None)))
    return sorted(row.segment for row in rows)
