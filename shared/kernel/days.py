"""Business dates as day numbers, months as month numbers: integers, because the fold counts millions of them.

A `Day` is a proleptic ordinal (`date.toordinal`); a `Month` is year * 12 + month - 1. Both are business dates of a
book and never moments; a moment is a `datetime` with a zone.
"""

from datetime import date
from functools import lru_cache

Day = int
Month = int

FOREVER: Day = date.max.toordinal()
EARLIEST: Day = date(1900, 1, 1).toordinal()
LATEST: Day = date(2199, 12, 31).toordinal()


def day_of(value: date) -> Day:
    """Return the day number of a date."""
    return value.toordinal()


@lru_cache(maxsize=65_536)
def date_of(day: Day) -> date:
    """Return the date of a day number."""
    return date.fromordinal(day)


def parse_day(text: str) -> Day:
    """Return the day number of `YYYY-MM-DD`; ValueError otherwise."""
    return date.fromisoformat(text).toordinal()


def format_day(day: Day) -> str:
    """Return `YYYY-MM-DD`."""
    return date_of(day).isoformat()


@lru_cache(maxsize=65_536)
def month_of(day: Day) -> Month:
    """Return the month in which a day lies."""
    value = date.fromordinal(day)
    return value.year * 12 + value.month - 1


@lru_cache(maxsize=8_192)
def month_start(month: Month) -> Day:
    """Return the first day of a month."""
    return date(month // 12, month % 12 + 1, 1).toordinal()


@lru_cache(maxsize=8_192)
def month_end(month: Month) -> Day:
    """Return the last day of a month."""
    return month_start(month + 1) - 1


def format_month(month: Month) -> str:
    """Return `YYYY-MM`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def parse_month(text: str) -> Month:
    """Return the month number of `YYYY-MM`; ValueError otherwise."""
    return month_of(date.fromisoformat(f"{text}-01").toordinal())


def add_months(day: Day, months: int, anchor: int | None = None) -> Day:
    """Return the day some months later, on the same day of the month or the month's last if it has none.

    `anchor` is the wished day of the month (1 to 31), so that a series from 31 January is 28 February, 31 March.
    """
    target = month_of(day) + months
    wished = anchor if anchor is not None else date_of(day).day
    return min(month_start(target) + wished - 1, month_end(target))
