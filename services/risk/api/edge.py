"""What all routes of risk share: parameters, cursors, moments, problems."""

import base64
import binascii
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Path, Query
from pydantic import AwareDatetime

from services.risk.handlers.fold import Scope
from services.risk.moments import END_OF_TIME_US, micros_of
from services.risk.settings import RiskSettings
from services.risk.store import books
from services.risk.store.books import Book
from shared.db.port import Database, Tx
from shared.kernel.days import EARLIEST, LATEST, Day, day_of
from shared.problem import FieldError, Problem, answers
from shared.runtime.bell import Bell
from shared.runtime.service import Platform

T = TypeVar("T")

ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
NAME_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
SEGMENT_PATTERN = r"^[^\x00-\x1f\x7f]{1,200}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"

Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:/-]{0,64}$")]
"""What cursors are made of: a forged one can name a place that is not there, and do no harm."""

BookPath = Annotated[str, Path(pattern=NAME_PATTERN, description="Id of the book")]
BookQuery = Annotated[str, Query(pattern=NAME_PATTERN, description="Id of the book")]
AnyBook = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")]
Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page")]
CursorText = Annotated[str | None, Query(max_length=2_000, description="`next` of the page before")]
AsOf = Annotated[date | None, Query(description="As at the close of this business day; absent: now")]
KnownAt = Annotated[
    AwareDatetime | None, Query(description="As it was known at this moment (RFC 3339 with zone); absent: now")
]

READS: dict[int | str, dict[str, Any]] = answers(401, 403, 422, 503)
READS_ONE: dict[int | str, dict[str, Any]] = answers(401, 403, 404, 422, 503)


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    platform: Platform
    settings: RiskSettings
    scope: Scope
    evaluate: Bell
    relay: Bell


def known_at_us(known_at: datetime | None) -> int:
    """Return a moment in microseconds; the end of time when none is asked for."""
    return END_OF_TIME_US if known_at is None else micros_of(known_at)


def day_asked(as_of: date | None) -> Day:
    """Return the day asked for, the last one that a book can have when none is."""
    return LATEST if as_of is None else min(LATEST, max(EARLIEST, day_of(as_of)))


def cursor_of(*place: Any) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None, kind: type[T], start: T) -> T:
    """Return the place that a cursor names, `start` without one; Problem 422 when it is none of ours."""
    if cursor is None:
        return start
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        return msgspec.msgpack.decode(base64.b64decode(padded, b"-_", validate=True), type=kind)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError):
        raise invalid("cursor", "is not the `next` of a page") from None


def invalid(pointer: str, detail: str) -> Problem:
    """Return the refusal of one parameter."""
    errors = [FieldError(pointer=pointer, detail=detail)]
    return Problem("invalid-request", 422, "The request does not fit its description", f"{pointer} {detail}", errors)


def missing(kind: str, name: str) -> Problem:
    """Return the problem of something that is not there."""
    return Problem(f"unknown-{kind}", 404, f"No such {kind}", f"There is no {kind} {name!r}.")


async def book_of(tx: Tx, name: str) -> Book:
    """Return a book; Problem 404 when it is not known."""
    book = await books.book_named(tx, name)
    if book is None:
        raise missing("book", name)
    return book
