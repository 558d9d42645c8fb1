"""Books and the closing of their days."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from services.intake import metrics
from services.intake.api.documents import (
    PROBLEMS_READ,
    PROBLEMS_WRITE,
    body,
    example_without,
    page_schema,
    replies,
    struct_schema,
)
from services.intake.api.edge import (
    CursorText,
    Front,
    IdempotencyKey,
    Limit,
    invalid,
    once,
    printable,
    read_bytes,
    refuse_unknown_parameters,
    replied,
)
from services.intake.domain.findings import BOOK_PATTERN
from services.intake.handlers.books import (
    CloseDay,
    OpenBook,
    close_day,
    described,
    open_book,
    read_book,
    read_close,
)
from services.intake.store import books
from services.intake.store.tables import HOUSE
from shared.db import outbox
from shared.db.port import Tx
from shared.problem import Problem
from shared.security.rights import requires

BookId = Annotated[str, Path(pattern=BOOK_PATTERN, description="Id of the book")]


class BookTold(msgspec.Struct, kw_only=True):
    """A book (D2) and how far it is closed."""

    book: str
    base_currency: str
    time_zone: str
    calendar: str
    first_day: str
    known_at: str
    dpd_offset: int
    tolerance: dict[str, str]
    segment_attributes: list[str]
    closed_through: str | None


class CloseTold(msgspec.Struct, kw_only=True):
    """What a close did."""

    book: str
    day: str
    closed: bool
    effect: Literal["closed", "none"]


class Progress(msgspec.Struct, kw_only=True):
    """How far intake has come with passing on what it took."""

    unsent: int
    """Messages that no other service can have heard yet."""


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the routes under `/books`, and `/progress`."""
    _add_reads(router, front)
    _add_progress(router, front)
    _add_open(router, front)
    _add_close(router, front)


def _add_reads(router: APIRouter, front: Front) -> None:
    @router.get(
        "/books",
        summary="List books",
        tags=["books"],
        dependencies=[requires("books:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("Books by id", page_schema(BookTold))}, *PROBLEMS_READ),
    )
    async def list_books(cursor: CursorText = None, limit: Limit = 100) -> Response:
        """List books by id, each with the day up to which it is closed."""
        printable(cursor=cursor)
        async with front.database.read() as tx:
            rows = await books.page(tx, cursor or "", limit + 1)
        following = rows[limit - 1].book if len(rows) > limit else None
        return replied({"items": [described(row) for row in rows[:limit]], "next": following})

    @router.get(
        "/books/{book}",
        summary="See a book",
        tags=["books"],
        dependencies=[requires("books:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("The book", BookTold)}, *PROBLEMS_READ, 404),
    )
    async def get_book(book: BookId) -> Response:
        """Show the terms of a book and the day up to which it is closed."""
        async with front.database.read() as tx:
            row = await books.find(tx, book)
        if row is None:
            raise _unknown(book)
        return replied(described(row))


def _add_progress(router: APIRouter, front: Front) -> None:
    @router.get(
        "/progress",
        summary="See what is on its way",
        tags=["books"],
        dependencies=[requires("books:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("What is on its way", struct_schema(Progress))}, *PROBLEMS_READ),
    )
    async def get_progress() -> Response:
        """Tell how much of what intake took is not passed on yet; what risk has done with the rest, it says itself."""
        async with front.database.read() as tx:
            waiting = await outbox.backlog(tx, HOUSE)
        return replied(Progress(unsent=sum(lane.rows for lane in waiting)))


def _add_open(router: APIRouter, front: Front) -> None:
    @router.post(
        "/books",
        status_code=201,
        summary="Open a book",
        tags=["books"],
        dependencies=[requires("books:write")],
        responses=replies(
            {201: ("Opened", BookTold), 200: ("It was open already, with the same terms", BookTold)}, *PROBLEMS_WRITE
        ),
        openapi_extra=body(struct_schema(OpenBook), example_without("tocsin.book.opened.v1")),
    )
    async def post_book(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Open a book: its base currency, calendar, first day and what its indicators are cut by hold for ever.

        Facts that named it before go on. The same terms again have no effect; others are a 409.
        """
        content = await read_bytes(request, front)
        now = front.clock.now()
        terms = read_book(content, now)
        if not isinstance(terms, OpenBook):
            raise invalid(terms)

        async def work(tx: Tx) -> Response:
            opened = await open_book(tx, front.desk, terms, now)
            if opened.outcome == "different":
                raise Problem("book-differs", 409, "The book is open with other terms", f"See /books/{terms.book}.")
            if opened.outcome == "opened":
                metrics.BOOKS_OPENED.inc()
            place = f"/intake/v1/books/{terms.book}"
            return replied(described(opened.row), 201 if opened.outcome == "opened" else 200, place)

        return await once(request, front, idempotency_key, content, work)


def _add_close(router: APIRouter, front: Front) -> None:
    @router.post(
        "/books/{book}/closes",
        status_code=201,
        summary="Close a day",
        tags=["books"],
        dependencies=[requires("books:write")],
        responses=replies(
            {201: ("Closed", CloseTold), 200: ("It was closed already: no effect", CloseTold)}, *PROBLEMS_WRITE, 404
        ),
        openapi_extra=body(struct_schema(CloseDay), example_without("tocsin.book.day_closed.v1", "book")),
    )
    async def post_close(request: Request, book: BookId, idempotency_key: IdempotencyKey = None) -> Response:
        """Close a business day of a book, and all open days before it."""
        content = await read_bytes(request, front)
        now = front.clock.now()
        asked = read_close(content, now)
        if not isinstance(asked, CloseDay):
            raise invalid(asked)

        async def work(tx: Tx) -> Response:
            closed = await close_day(tx, front.desk, book, asked, now)
            if closed.outcome == "unknown_book":
                raise _unknown(book)
            if closed.outcome == "refused":
                raise invalid(closed.findings)
            if closed.outcome == "closed":
                metrics.CLOSES.inc()
            told = CloseTold(book=book, day=asked.day.isoformat(), closed=True, effect=closed.outcome)
            return replied(told, 201 if closed.outcome == "closed" else 200)

        return await once(request, front, idempotency_key, content, work)


def _unknown(book: str) -> Problem:
    return Problem("unknown-book", 404, "No such book", f"No book {book!r} is open.")
