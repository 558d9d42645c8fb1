"""Queries on books and their closes."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from services.intake.store.tables import BOOK, CLOSE
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day

_NAMED = (
    select(BOOK.c.book, BOOK.c.base_currency, BOOK.c.first_day, BOOK.c.closed_through)
    .where(among_given(BOOK.c.book, "books"))
    .order_by(BOOK.c.book)
)
_SHARED = _NAMED.with_for_update(read=True)


async def share(tx: Tx, books: Collection[str]) -> Sequence[Row[Any]]:
    """Return those that exist, held shared: no close passes until this transaction ends."""
    return await tx.rows(_SHARED, {"books": sorted(books)})


async def hold(tx: Tx, book: str) -> Row[Any] | None:
    """Return a book, held alone to the end of the transaction."""
    return await tx.lock(BOOK, {"book": book})


async def find(tx: Tx, book: str) -> Row[Any] | None:
    """Return a book."""
    return await tx.row(select(BOOK).where(BOOK.c.book == book))


async def page(tx: Tx, after: str, limit: int) -> Sequence[Row[Any]]:
    """Return books by id, from the one after `after` on."""
    return await tx.rows(select(BOOK).where(BOOK.c.book > after).order_by(BOOK.c.book).limit(limit))


async def add(tx: Tx, values: dict[str, Any]) -> None:
    """Add a book."""
    await tx.execute(insert(BOOK).values(**values))


def open_day(row: Row[Any]) -> Day:
    """Return the day after the last closed one."""
    day: Day = row.first_day if row.closed_through is None else row.closed_through + 1
    return day


async def close(tx: Tx, book: str, day: Day, known_at_us: int, received_at_us: int) -> None:
    """Close a book through a day; from here on everything that is accepted is counted."""
    await tx.execute(update(BOOK).where(BOOK.c.book == book).values(closed_through=day, counted=True))
    await tx.execute(
        insert(CLOSE).values(book=book, day=day, known_at=known_at_us, received_at=received_at_us),
    )
