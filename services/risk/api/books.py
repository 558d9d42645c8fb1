"""Books as risk sees them, and how far it has come."""

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.risk.api.edge import AnyBook, AsOf, BookPath, Front, KnownAt, book_of, day_asked, known_at_us
from services.risk.domain.moments import micros_of, moment_of
from services.risk.handlers.fold import lanes_of
from services.risk.store import books, facts, marks, subjects
from services.risk.store.books import Book
from services.risk.store.tables import DEAD_LETTER, HOUSE
from shared.db import positions
from shared.db.letters import count_letters
from shared.db.port import Tx
from shared.events.base import Topic
from shared.events.envelope import start_of
from shared.kernel.days import Day, date_of
from shared.runtime.edge import READS, READS_ONE, CursorText, Limit, Name, cursor_of, missing, page_of, place_of
from shared.security.rights import requires

_GROUP = "risk"
_DEGRADED_SHOWN = 100


class BookShown(BaseModel):
    """A book in a list."""

    book: str
    base_currency: str
    time_zone: str
    calendar: str
    first_day: date
    segment_attributes: list[str]
    known_from: datetime


class BookPage(BaseModel):
    """Books by name."""

    items: list[BookShown]
    next: str | None = None


class BookTold(BookShown):
    """A book with its state."""

    day: date = Field(description="The business day that is open")
    closed_through: date | None = Field(description="Last day closed in every lane")
    lanes: dict[str, date] = Field(description="Last closed day by lane")
    evaluated_through: date | None = Field(description="Last closed day whose figures are published and rated")
    data_as_of: date | None = Field(description="Latest value date of a fact up to the open day (or `as_of`)")
    anomalies: int = Field(description="Facts that contradict what is known of their loan or project")
    dead_letters: int = Field(description="Messages that could not be digested")
    degraded: bool = Field(description="Some client's figures lack a message that could not be digested")
    degraded_clients: list[str]


class Progress(BaseModel):
    """How far risk has come with what intake has passed on."""

    book: str | None
    evaluated_through: date | None
    closed_through: date | None
    behind: int = Field(description="Records of the log not yet folded + marks not yet evaluated")


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/books` and `/progress`."""
    _add_lists(router, front)
    _add_progress(router, front)


def _add_lists(router: APIRouter, front: Front) -> None:
    @router.get("/books", tags=["books"], dependencies=[requires("risk:read")], responses=READS)
    async def list_books(
        cursor: CursorText = None, limit: Limit = 100, as_of: AsOf = None, known_at: KnownAt = None
    ) -> BookPage:
        """List books by name; those that had begun on a day, as far as they were known at a moment."""
        (after,) = place_of(cursor, tuple[Name], ("",))
        async with front.database.read() as tx:
            found = await books.all_books(tx, after, limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_of(last.terms.book))
        shown = [
            _shown(book)
            for book in page
            if _known_from_us(book) <= known_at_us(known_at) and book.terms.first_day <= day_asked(as_of)
        ]
        return BookPage(items=shown, next=following)

    @router.get("/books/{book}", tags=["books"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_book(book: BookPath, as_of: AsOf = None, known_at: KnownAt = None) -> BookTold:
        """Tell how far a book is closed and evaluated, and what its data lacks."""
        async with front.database.read() as tx:
            found = await book_of(tx, book)
            if _known_from_us(found) > known_at_us(known_at):
                raise missing("book", book)
            return await _told(tx, front, found, as_of, known_at)


def _add_progress(router: APIRouter, front: Front) -> None:
    @router.get("/progress", tags=["books"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_progress(book: AnyBook = None) -> Progress:
        """Tell whether everything that intake has passed on is folded and evaluated."""
        ends = await front.platform.log.end_offsets(Topic.INTAKE)
        async with front.database.read() as tx:
            stored = await positions.stored(tx, HOUSE, _GROUP, Topic.INTAKE)
            waiting = await marks.count_marks(tx, book)
            closed = evaluated = None
            if book is not None:
                terms = (await book_of(tx, book)).terms
                closed = await books.closed_through(tx, book, await lanes_of(tx, front.scope))
                evaluator = await books.evaluator_of(tx, book)
                evaluated = None if evaluator is None else _closed(evaluator.evaluated_through, terms.first_day)
                closed = None if closed is None else _day(closed, terms.first_day)
        unread = sum(max(0, end - stored.get(partition, 0)) for partition, end in ends.items())
        return Progress(
            book=book,
            evaluated_through=evaluated,
            closed_through=None if closed is None else date_of(closed),
            behind=unread + waiting,
        )


def _shown(book: Book) -> BookShown:
    terms = book.terms
    return BookShown(
        book=terms.book,
        base_currency=terms.base_currency,
        time_zone=book.time_zone,
        calendar=terms.calendar,
        first_day=date_of(terms.first_day),
        segment_attributes=list(terms.segment_attributes),
        known_from=moment_of(_known_from_us(book)),
    )


def _known_from_us(book: Book) -> int:
    """Return since when a book can be asked about: replayed history begins with its first day at the latest."""
    return min(book.known_at_us, micros_of(start_of(date_of(book.terms.first_day))))


async def _told(tx: Tx, front: Front, book: Book, as_of: date | None, known_at: datetime | None) -> BookTold:
    name, first_day = book.terms.book, book.terms.first_day
    lanes = await books.lanes_closed(tx, name)
    closed = await books.closed_through_then(tx, name, await lanes_of(tx, front.scope), known_at_us(known_at))
    closed = min(first_day - 1 if closed is None else closed, day_asked(as_of))
    evaluator = await books.evaluator_of(tx, name)
    degraded = await subjects.degraded_clients(tx, name, _DEGRADED_SHOWN)
    last_fact = await facts.last_value_date(tx, name, min(closed + 1, day_asked(as_of)))
    return BookTold(
        **_shown(book).model_dump(),
        day=date_of(closed + 1),
        closed_through=_closed(closed, first_day),
        lanes={str(lane): date_of(day) for lane, (day, _) in sorted(lanes.items())},
        evaluated_through=None if evaluator is None else _closed(evaluator.evaluated_through, first_day),
        data_as_of=None if last_fact is None else date_of(last_fact),
        anomalies=await marks.count_anomalies(tx, name),
        dead_letters=await count_letters(tx, DEAD_LETTER, name),
        degraded=bool(degraded),
        degraded_clients=degraded,
    )


def _closed(day: Day, first_day: Day) -> date | None:
    """Return a closed day; None when not even the first is."""
    return date_of(day) if day >= first_day else None


def _day(day: Day, first_day: Day) -> Day | None:
    return day if day >= first_day else None
