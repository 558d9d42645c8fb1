"""What intake says beside the facts: books and closes, one copy per lane (D3), keyed by broadcast."""

from datetime import date, datetime
from typing import ClassVar

import msgspec

from shared.events.base import Key, Message, Topic


class BookOpened(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A book (D2): base currency, time zone, calendar, first day, and what its indicators are cut by."""

    type: ClassVar[str] = "tocsin.book.opened.v1"
    topic: ClassVar[Topic] = Topic.INTAKE
    key: ClassVar[Key] = Key.BROADCAST
    consumers: ClassVar[tuple[str, ...]] = ("risk", "feedback")
    book: str
    base_currency: str
    time_zone: str
    calendar: str
    first_day: date
    known_at: datetime
    dpd_offset: int = 0
    tolerance: dict[str, str] = msgspec.field(default_factory=dict)
    """Currency -> amount up to which an instalment counts as covered."""
    segment_attributes: list[str] = msgspec.field(default_factory=list)


class BookDayClosed(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A business day of a book is closed, and all open days before it (D3)."""

    type: ClassVar[str] = "tocsin.book.day_closed.v1"
    topic: ClassVar[Topic] = Topic.INTAKE
    key: ClassVar[Key] = Key.BROADCAST
    consumers: ClassVar[tuple[str, ...]] = ("risk", "feedback")
    book: str
    day: date
    known_at: datetime
    since: date | None = None
    """First of the days that are closed: facts of this lane were accepted under it since the close before."""
    accepted: int | None = None
    accepted_digest: int = 0
