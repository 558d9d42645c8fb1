"""Books, how far their lanes are closed, and who evaluates them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, bindparam, func, select, update

from services.risk.domain.book import BookTerms
from services.risk.store.tables import BOOK, BOOK_PARTITION, CLOSE, EVALUATOR, MARK
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day, Month, month_of

_ENCODER = msgspec.msgpack.Encoder()
_TERMS = msgspec.msgpack.Decoder(BookTerms)

_NAMED = select(BOOK).where(among_given(BOOK.c.book, "names"))
_IN_LANE = _NAMED.join(BOOK_PARTITION, BOOK_PARTITION.c.book == BOOK.c.book).where(
    BOOK_PARTITION.c.partition == bindparam("lane")
)
_LANES = select(BOOK_PARTITION).where(BOOK_PARTITION.c.book == bindparam("of"))
_EVALUATOR = select(EVALUATOR).where(EVALUATOR.c.book == bindparam("of"))
_MARKED = (
    select(EVALUATOR.c.book)
    .where(select(MARK.c.book).where(MARK.c.book == EVALUATOR.c.book).exists())
    .order_by(EVALUATOR.c.book)
)


class Book(NamedTuple):
    """A book as stored."""

    terms: BookTerms
    time_zone: str
    known_at_us: int


class Evaluator(NamedTuple):
    """A book's evaluator as claimed."""

    owner: str
    epoch: int
    evaluated_through: Day
    final_month: Month
    feed: int


_SAVE = (
    update(EVALUATOR)
    .where(
        EVALUATOR.c.book == bindparam("of"),
        EVALUATOR.c.owner == bindparam("held_owner"),
        EVALUATOR.c.epoch == bindparam("held_epoch"),
    )
    .values({name: bindparam(f"new_{name}") for name in Evaluator._fields})
)


def _book(row: Row[Any]) -> Book:
    return Book(_TERMS.decode(row.terms), row.time_zone, row.known_at)


async def add_book(tx: Tx, terms: BookTerms, time_zone: str, known_at_us: int, partition: int) -> None:
    """Keep a book's terms, and that this lane of it is open from its first day; again: no effect."""
    first_day = terms.first_day
    columns = tuple(column.name for column in BOOK.columns)
    row = (terms.book, terms.base_currency, time_zone, first_day, known_at_us, _ENCODER.encode(terms))
    await tx.insert_new(BOOK, columns, [row], ("book",))
    await tx.insert_new(
        BOOK_PARTITION,
        ("book", "partition", "closed_through", "known_at"),
        [(terms.book, partition, first_day - 1, known_at_us)],
        ("book", "partition"),
    )


async def books_named(tx: Tx, names: Iterable[str]) -> dict[str, Book]:
    """Return the books of these names that are known."""
    rows = await tx.rows(_NAMED, {"names": list(names)})
    return {row.book: _book(row) for row in rows}


async def books_in_lane(tx: Tx, names: Iterable[str], partition: int) -> dict[str, Book]:
    """Return the books of these names that this lane has opened."""
    rows = await tx.rows(_IN_LANE, {"names": list(names), "lane": partition})
    return {row.book: _book(row) for row in rows}


async def book_named(tx: Tx, name: str) -> Book | None:
    """Return one book."""
    return (await books_named(tx, [name])).get(name)


async def all_books(tx: Tx, after: str, limit: int) -> list[Book]:
    """Return books by rising name after a name."""
    rows = await tx.rows(select(BOOK).where(BOOK.c.book > after).order_by(BOOK.c.book).limit(limit))
    return [_book(row) for row in rows]


async def close_lanes(tx: Tx, partition: int, closes: Sequence[tuple[str, Day, int]]) -> None:
    """Record closes (book, day, known at) of one partition; a day before the lane's day changes nothing."""
    rows = [(book, partition, day, known_at_us) for book, day, known_at_us in closes]
    await tx.insert_new(CLOSE, ("book", "partition", "day", "known_at"), rows, ("book", "partition", "day"))
    furthest: dict[str, tuple[Day, int]] = {}
    for book, day, known_at_us in closes:
        before = furthest.get(book, (day, known_at_us))
        furthest[book] = (max(day, before[0]), max(known_at_us, before[1]))
    await tx.upsert(
        BOOK_PARTITION,
        ("book", "partition", "closed_through", "known_at"),
        [(book, partition, day, known_at_us) for book, (day, known_at_us) in furthest.items()],
        ("book", "partition"),
        greatest=("closed_through", "known_at"),
    )


async def lanes_closed(tx: Tx, book: str) -> dict[int, tuple[Day, int]]:
    """Return how far each lane is closed, and since when that is known."""
    rows = await tx.rows(_LANES, {"of": book})
    return {row.partition: (row.closed_through, row.known_at) for row in rows}


async def closed_through(tx: Tx, book: str, partitions: int) -> Day | None:
    """Return the book's last closed day: the least over all lanes; None while a lane does not know the book."""
    lanes = await lanes_closed(tx, book)
    days = {partition: day for partition, (day, _) in lanes.items()}
    return _least(days, partitions)


async def closes_since(tx: Tx, book: str, day: Day) -> list[tuple[Day, int]]:
    """Return (day, known at) of the closes of days from `day` on, by rising day."""
    rows = await tx.rows(
        select(CLOSE.c.day, func.max(CLOSE.c.known_at))
        .where(CLOSE.c.book == book, CLOSE.c.day >= day)
        .group_by(CLOSE.c.day)
        .order_by(CLOSE.c.day)
    )
    return [(row[0], row[1]) for row in rows]


async def closed_through_then(tx: Tx, book: str, partitions: int, known_at_us: int) -> Day | None:
    """Return the book's last closed day as it was known at a moment; None when a lane had none."""
    rows = await tx.rows(
        select(CLOSE.c.partition, func.max(CLOSE.c.day))
        .where(CLOSE.c.book == book, CLOSE.c.known_at <= known_at_us)
        .group_by(CLOSE.c.partition)
    )
    return _least({row[0]: row[1] for row in rows}, partitions)


def _least(days: dict[int, Day], partitions: int) -> Day | None:
    if any(partition not in days for partition in range(partitions)):
        return None
    return min(days[partition] for partition in range(partitions))


async def add_evaluator(tx: Tx, book: str, owner: str, first_day: Day) -> None:
    """Make the evaluator's row of a new book; one that is there stays."""
    columns = ("book", "owner", "epoch", "evaluated_through", "final_month", "feed")
    row = (book, owner, 1, first_day - 1, month_of(first_day) - 1, 0)
    await tx.insert_new(EVALUATOR, columns, [row], ("book",))


async def all_evaluated_books(tx: Tx) -> list[str]:
    """Return the names of all books that have an evaluator."""
    return [row.book for row in await tx.rows(select(EVALUATOR.c.book))]


async def take_evaluators(tx: Tx, books: Sequence[str], owner: str) -> None:
    """Hand the evaluators of books to a new owner: the epoch rises, so that the one before is fenced."""
    await tx.execute(
        update(EVALUATOR).where(EVALUATOR.c.book.in_(books)).values(owner=owner, epoch=EVALUATOR.c.epoch + 1)
    )


def _evaluator(row: Row[Any]) -> Evaluator:
    return Evaluator(row.owner, row.epoch, row.evaluated_through, row.final_month, row.feed)


async def lock_evaluator(tx: Tx, book: str) -> Evaluator | None:
    """Return the book's evaluator, held to the end of the transaction."""
    row = await tx.lock(EVALUATOR, {"book": book})
    return None if row is None else _evaluator(row)


async def save_evaluator(tx: Tx, book: str, held: Evaluator, after: Evaluator) -> bool:
    """Write how far a book is evaluated, by compare-and-swap with owner and epoch as held; False = fenced."""
    new = {f"new_{name}": value for name, value in after._asdict().items()}
    return await tx.execute(_SAVE, {"of": book, "held_owner": held.owner, "held_epoch": held.epoch, **new}) == 1


async def last_feed(tx: Tx, book: str) -> int:
    """Return the last number of a book's alert feed, under the lock of its evaluator's row."""
    row = await tx.lock(EVALUATOR, {"book": book})
    if row is None:
        raise LookupError(f"book {book!r} has no evaluator")
    feed: int = row.feed
    return feed


async def move_feed(tx: Tx, book: str, feed: int) -> None:
    """Write the last number of a book's alert feed."""
    await tx.execute(update(EVALUATOR).where(EVALUATOR.c.book == book).values(feed=feed))


async def evaluator_of(tx: Tx, book: str) -> Evaluator | None:
    """Return a book's evaluator as it stands."""
    row = await tx.row(_EVALUATOR, {"of": book})
    return None if row is None else _evaluator(row)


async def books_with_marks(tx: Tx) -> list[str]:
    """Return the books that have something to evaluate."""
    return [row.book for row in await tx.rows(_MARKED)]
