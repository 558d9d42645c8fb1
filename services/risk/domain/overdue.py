"""How many working days of a book should be closed by now and are not."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.kernel.calendars import WorkCalendar, calendar_named
from shared.kernel.days import Day, date_of, day_of

DAYS_MAX = 400
"""Further back nobody counts: a book of history is as overdue as it can be."""


class Closing(NamedTuple):
    """How far a book is closed, and by which clock and calendar its days go."""

    closed_through: Day
    """The day before its first one when none is closed."""
    calendar: str
    time_zone: str


def overdue_days(closing: Closing, now: datetime, close_by_h: int) -> int:
    """Return how many working days are not closed though hour `close_by_h` of the next working day has passed.

    Days without work need no close of their own: the next one closes them too.
    """
    calendar, zone = calendar_named(closing.calendar), ZoneInfo(closing.time_zone)
    today = day_of(now.astimezone(zone).date())
    first = max(closing.closed_through + 1, today - DAYS_MAX)
    return sum(
        calendar.is_working_day(day) and now >= _due(calendar, day, zone, close_by_h) for day in range(first, today)
    )


def _due(calendar: WorkCalendar, day: Day, zone: ZoneInfo, close_by_h: int) -> datetime:
    """Return the moment by which a day is to be closed; a local time that does not exist is the one an hour later."""
    return datetime.combine(date_of(calendar.moved(day + 1)), time(), zone) + timedelta(hours=close_by_h)
