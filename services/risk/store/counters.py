"""Counters: what each day adds to each measure of each segment; summed on read (D4, D5)."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import and_, func, select

from services.risk.store.keys import among
from services.risk.store.tables import COUNTER, COUNTER_MONTH
from shared.db.port import Tx
from shared.kernel.days import Day, Month, month_of, month_start

Cell = tuple[str, str, str, Day]
"""(segment, currency, measure, day)."""

_DAY_COLUMNS = ("book", "segment", "measure", "day", "currency", "partition", "value")
_MONTH_COLUMNS = ("book", "segment", "measure", "month", "currency", "partition", "value")


async def add_cells(tx: Tx, partition: int, cells: Mapping[str, Mapping[Cell, int]]) -> None:
    """Add each book's cells to its counters of this partition."""
    days: list[tuple[str, str, str, Day, str, int, int]] = []
    months: dict[tuple[str, str, str, Month, str], int] = {}
    for book, of_book in cells.items():
        for (segment, currency, measure, day), value in of_book.items():
            if value:
                days.append((book, segment, measure, day, currency, partition, value))
                key = (book, segment, measure, month_of(day), currency)
                months[key] = months.get(key, 0) + value
    rows = [(*key, partition, value) for key, value in months.items() if value]
    if days:
        await tx.upsert(COUNTER, _DAY_COLUMNS, days, _DAY_COLUMNS[:-1], add=("value",))
    if rows:
        await tx.upsert(COUNTER_MONTH, _MONTH_COLUMNS, rows, _MONTH_COLUMNS[:-1], add=("value",))


Sums = dict[tuple[str, str, str], int]
"""(segment, currency, measure) -> sum."""


async def month_sums(
    tx: Tx, book: str, segments: Sequence[str], measures: Iterable[str], months: tuple[Month, Month]
) -> dict[Month, Sums]:
    """Return the sums of each month from the first to the last one that have rows."""
    first, last = months
    table = COUNTER_MONTH.c
    where = [
        table.book == book,
        among(table.segment, segments),
        among(table.measure, measures),
        table.month >= first,
        table.month <= last,
    ]
    rows = await tx.rows(
        select(table.month, table.segment, table.currency, table.measure, func.sum(table.value))
        .where(and_(*where))
        .group_by(table.month, table.segment, table.currency, table.measure)
    )
    found: dict[Month, Sums] = {}
    for month, segment, currency, measure, value in rows:
        found.setdefault(month, {})[segment, currency, measure] = int(value)
    return found


async def sums_before(tx: Tx, book: str, segments: Sequence[str], measures: Iterable[str], month: Month) -> Sums:
    """Return the sums of all months before a month: the level at its start."""
    table = COUNTER_MONTH.c
    where = [table.book == book, among(table.segment, segments), among(table.measure, measures), table.month < month]
    rows = await tx.rows(
        select(table.segment, table.currency, table.measure, func.sum(table.value))
        .where(and_(*where))
        .group_by(table.segment, table.currency, table.measure)
    )
    return {(segment, currency, measure): int(value) for segment, currency, measure, value in rows}


async def day_sums(
    tx: Tx, book: str, segments: Sequence[str], measures: Iterable[str], days: tuple[Day, Day]
) -> dict[Day, Sums]:
    """Return the sums of each day from the first to the last one that have rows."""
    first, last = days
    table = COUNTER.c
    where = [
        table.book == book,
        among(table.segment, segments),
        among(table.measure, measures),
        table.day >= first,
        table.day <= last,
    ]
    rows = await tx.rows(
        select(table.day, table.segment, table.currency, table.measure, func.sum(table.value))
        .where(and_(*where))
        .group_by(table.day, table.segment, table.currency, table.measure)
    )
    found: dict[Day, Sums] = {}
    for day, segment, currency, measure, value in rows:
        found.setdefault(day, {})[segment, currency, measure] = int(value)
    return found


async def last_days(tx: Tx, book: str, segment: str, measure: str, months: tuple[Month, Month]) -> dict[Month, Day]:
    """Return for each month the last day on which a measure of a segment is not 0."""
    table = COUNTER.c
    by_day = (
        select(table.day)
        .where(
            table.book == book,
            table.segment == segment,
            table.measure == measure,
            table.day >= month_start(months[0]),
            table.day < month_start(months[1] + 1),
        )
        .group_by(table.day)
        .having(func.sum(table.value) != 0)
    )
    found: dict[Month, Day] = {}
    for (day,) in await tx.rows(by_day):
        month = month_of(day)
        found[month] = max(day, found.get(month, day))
    return found


async def segments_of(tx: Tx, book: str) -> list[str]:
    """Return the segments of a book that have counters, by name.

    One step through the index per segment, whatever the number of counters behind each.
    """
    table = COUNTER_MONTH.c
    first = select(func.min(table.segment).label("segment")).where(table.book == book)
    found = first.cte("found", recursive=True)
    following = select(func.min(table.segment)).where(table.book == book, table.segment > found.c.segment)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.segment.is_not(None)))
    rows = await tx.rows(select(found.c.segment).where(found.c.segment.is_not(None)))
    return sorted(row.segment for row in rows)


async def currencies_of(tx: Tx, book: str) -> list[str]:
    """Return the currencies in which a book has counters, by code."""
    table = COUNTER_MONTH.c
    rows = await tx.rows(select(table.currency).where(table.book == book, table.segment == "portfolio").distinct())
    return sorted(row.currency for row in rows if row.currency)
