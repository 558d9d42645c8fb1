"""What all routes of risk share: parameters, cursors, moments, idempotency keys, problems."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AwareDatetime, BeforeValidator

from services.risk.domain.moments import END_OF_TIME_US, micros_of
from services.risk.handlers.fold import Scope
from services.risk.settings import RiskSettings
from services.risk.store import books
from services.risk.store.books import Book
from services.risk.store.tables import HOUSE
from shared.db.port import Database, Tx
from shared.kernel.days import EARLIEST, LATEST, Day, day_of
from shared.runtime.bell import Bell
from shared.runtime.edge import NAME_PATTERN, Store, missing
from shared.runtime.service import Platform

ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
SEGMENT_PATTERN = r"^[^\x00-\x1f\x7f]{1,200}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"

BookPath = Annotated[str, Path(pattern=NAME_PATTERN, description="Id of the book")]
BookQuery = Annotated[str, Query(pattern=NAME_PATTERN, description="Id of the book")]
AnyBook = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")]


def _no_number(text: object) -> object:
    """Refuse what pydantic would take for seconds since 1970."""
    if isinstance(text, str) and text.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("a date or moment is written out (RFC 3339)")
    return text


AsOf = Annotated[
    date | None, BeforeValidator(_no_number), Query(description="As at the close of this business day; absent: now")
]
KnownAt = Annotated[
    AwareDatetime | None,
    BeforeValidator(_no_number),
    Query(description="As it was known at this moment (RFC 3339 with zone); absent: now"),
]


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    platform: Platform
    settings: RiskSettings
    scope: Scope
    evaluate: Bell
    relay: Bell

    @property
    def store(self) -> Store:
        """Where requests do their work."""
        return Store(self.database, HOUSE)


def known_at_us(known_at: datetime | None) -> int:
    """Return a moment in microseconds; the end of time when none is asked for."""
    return END_OF_TIME_US if known_at is None else micros_of(known_at)


def day_asked(as_of: date | None) -> Day:
    """Return the day asked for, the last one that a book can have when none is."""
    return LATEST if as_of is None else min(LATEST, max(EARLIEST, day_of(as_of)))


async def book_of(tx: Tx, name: str) -> Book:
    """Return a book; Problem 404 when it is not known."""
    book = await books.book_named(tx, name)
    if book is None:
        raise missing("book", name)
    return book
