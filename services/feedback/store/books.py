"""How far books are closed, and on which days they were."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, func, select

from services.feedback.store.tables import BOOK_LANE, CLOSE
from shared.db.port import Tx
from shared.kernel.days import Day

_LANE = ("book", "partition", "closed_through")
_CLOSED = (
    select(BOOK_LANE.c.book, func.min(BOOK_LANE.c.closed_through))
    .group_by(BOOK_LANE.c.book)
    .having(func.count() >= bindparam("lanes"))
)


async def open_lanes(tx: Tx, opened: Iterable[tuple[str, int, Day]]) -> None:
    """Note that lanes (book, partition) are open from a first day on; again: no effect."""
    rows = [(book, partition, first_day - 1) for book, partition, first_day in opened]
    await tx.insert_new(BOOK_LANE, _LANE, rows, ("book", "partition"))


async def close_lanes(tx: Tx, partition: int, closes: Sequence[tuple[str, Day]]) -> None:
    """Note closes (book, day) of one partition; a day before the lane's day changes nothing."""
    await tx.insert_new(CLOSE, ("book", "day"), closes, ("book", "day"))
    furthest: dict[str, Day] = {}
    for book, day in closes:
        furthest[book] = max(day, furthest.get(book, day))
    rows = [(book, partition, day) for book, day in furthest.items()]
    await tx.upsert(BOOK_LANE, _LANE, rows, ("book", "partition"), greatest=("closed_through",))


async def closed_through(tx: Tx, partitions: int) -> dict[str, Day]:
    """Return the last day that is closed in every lane, of each book that every lane knows (D3)."""
    return dict(map(tuple, await tx.rows(_CLOSED, {"lanes": partitions})))


async def open_day(tx: Tx, book: str) -> Day | None:
    """Return a book's open day: the day after the last that is closed in every lane that knows it; None: not known."""
    row = await tx.row(select(func.min(BOOK_LANE.c.closed_through)).where(BOOK_LANE.c.book == book))
    return None if row is None or row[0] is None else int(row[0]) + 1


async def closes_between(tx: Tx, book: str, first: Day, last: Day) -> list[Day]:
    """Return the days of a book's closes, rising."""
    rows = await tx.rows(
        select(CLOSE.c.day).where(CLOSE.c.book == book, CLOSE.c.day.between(first, last)).order_by(CLOSE.c.day)
    )
    return [day for (day,) in rows]
