"""Working-day calendars by name: a country's public holidays (library `holidays`), weekends only, or none."""

from functools import lru_cache

import holidays

from shared.kernel.days import Day, date_of

WEEKENDS = "WEEKENDS"
EVERY_DAY = "EVERY_DAY"


class WorkCalendar:
    """Tells working days; remembers what it was asked, because due dates repeat."""

    def __init__(self, name: str) -> None:
        """Open a calendar: an ISO 3166 country code such as `US`, `WEEKENDS`, or `EVERY_DAY`."""
        self.name = name
        self._country = None if name in (WEEKENDS, EVERY_DAY) else holidays.country_holidays(name)
        self._moved: dict[Day, Day] = {}

    def is_working_day(self, day: Day) -> bool:
        """Tell whether the lender works on this day."""
        if self.name == EVERY_DAY:
            return True
        if self._country is None:
            return date_of(day).weekday() < 5
        return bool(self._country.is_working_day(date_of(day)))

    def moved(self, day: Day) -> Day:
        """Return the day itself or the next working day: where a contractual due date really falls."""
        known = self._moved.get(day)
        if known is not None:
            return known
        moved = day
        while not self.is_working_day(moved):
            moved += 1
        self._moved[day] = moved
        return moved


@lru_cache(maxsize=64)
def calendar_named(name: str) -> WorkCalendar:
    """Return the calendar of that name; ValueError when there is none."""
    if not is_calendar(name):
        raise ValueError(f"there is no calendar {name!r}: use a country code, {WEEKENDS} or {EVERY_DAY}")
    return WorkCalendar(name)


def is_calendar(name: str) -> bool:
    """Tell whether a calendar of that name exists."""
    return name in (WEEKENDS, EVERY_DAY) or name in holidays.list_supported_countries()
