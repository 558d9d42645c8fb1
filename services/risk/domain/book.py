"""The terms of a book that every figure depends on: calendar, day count, tolerance, what its figures are cut by."""

import msgspec

from shared.kernel.calendars import calendar_named
from shared.kernel.days import Day


class BookTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Terms of one book (D2); they are part of each figure's definition, so they never change once facts are in."""

    book: str
    base_currency: str
    calendar: str
    """Name of a working-day calendar, see `shared.kernel.calendars`."""
    first_day: Day
    dpd_offset: int = 0
    """0: the day after the due date is day 1 past due (EU, IFRS, CN); 1: the due date itself is (RBI)."""
    tolerance_minor: dict[str, int] = {}
    """Per currency: an instalment counts as covered when no more than this is missing of it."""
    segment_attributes: tuple[str, ...] = ()

    def moved(self, day: Day) -> Day:
        """Return where a contractual due date really falls: the day itself or the next working day."""
        return calendar_named(self.calendar).moved(day)

    def tolerance_of(self, currency: str) -> int:
        """Return the tolerance of a currency in minor units, 0 when the book names none."""
        return self.tolerance_minor.get(currency, 0)

    def days_past_due(self, oldest_due: Day | None, day: Day) -> int:
        """Return the DPD at the close of a day: from the moved date of the oldest uncovered due, 0 without one."""
        if oldest_due is None:
            return 0
        return max(0, day - self.moved(oldest_due) + self.dpd_offset)

    def late_from(self, oldest_due: Day | None) -> Day | None:
        """Return the first day at whose close the DPD is not 0 if the due stays uncovered; None without one.

        From then on it rises by 1 a day: it exceeds n so many days later.
        """
        return None if oldest_due is None else self.moved(oldest_due) + 1 - self.dpd_offset
