"""Books and their days (D2): what a book must be like, and what a close does."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from services.intake.domain.findings import (
    Finding,
    amount_problem,
    book_problem,
    currency_problem,
    date_problem,
    moment_problem,
)
from shared.kernel.calendars import is_calendar
from shared.kernel.days import Day, date_of, day_of

_ZONES = frozenset(available_timezones())
TOLERANCES_MAX = 200


def check_book(terms: Any, attributes: Sequence[str], now: datetime) -> list[Finding]:
    """Return everything that is wrong with a book's terms; `terms` has the fields of BookOpened, absent ones None."""
    found: list[Finding] = []
    singles = (
        ("book", book_problem),
        ("base_currency", currency_problem),
        ("time_zone", _zone_problem),
        ("calendar", _calendar_problem),
        ("first_day", date_problem),
    )
    for name, problem_of in singles:
        value = getattr(terms, name)
        if value is not None and (problem := problem_of(value)):
            found.append(Finding(f"/{name}", problem))
    if terms.known_at is not None and (problem := moment_problem(terms.known_at, now)):
        found.append(Finding("/known_at", problem))
    if terms.dpd_offset not in (None, 0, 1):
        found.append(Finding("/dpd_offset", "0 or 1 days"))
    _check_tolerance(terms.tolerance or {}, found)
    named = terms.segment_attributes or []
    for number, attribute in enumerate(named):
        if attribute not in attributes:
            found.append(Finding(f"/segment_attributes/{number}", f"one of {', '.join(attributes)}"))
        elif attribute in named[:number]:
            found.append(Finding(f"/segment_attributes/{number}", "is named twice"))
    return found


def _check_tolerance(tolerance: dict[str, str], found: list[Finding]) -> None:
    if len(tolerance) > TOLERANCES_MAX:
        found.append(Finding("/tolerance", f"at most {TOLERANCES_MAX} currencies"))
        return
    for currency, amount in tolerance.items():
        problem = currency_problem(currency) or amount_problem(amount, currency, zero=True)
        if problem:
            found.append(Finding(f"/tolerance/{_escaped(currency)}", problem))


def _zone_problem(value: str) -> str | None:
    return None if value in _ZONES else "is not a time zone of the IANA database, such as Europe/Berlin"


def _calendar_problem(value: str) -> str | None:
    return None if is_calendar(value) else "is not a calendar: a country code such as US, WEEKENDS or EVERY_DAY"


def _escaped(key: str) -> str:
    return key[:64].replace("~", "~0").replace("/", "~1")


class Close(NamedTuple):
    """What a close does: it moves the book's day, or it had no effect, or it cannot be."""

    effect: str
    """`closed`, `none` or `refused`."""
    findings: tuple[Finding, ...] = ()


def judge_close(day: date, first_day: Day, closed_through: Day | None, time_zone: str, known_at: datetime) -> Close:
    """Decide on closing a day of a book; `known_at` says which days are over or under way in the book's zone."""
    if problem := date_problem(day):
        return Close("refused", (Finding("/day", problem),))
    if day_of(day) < first_day:
        return Close("refused", (Finding("/day", f"the book's first day is {date_of(first_day)}"),))
    if closed_through is not None and day_of(day) <= closed_through:
        return Close("none")
    today = known_at.astimezone(ZoneInfo(time_zone)).date()
    if day > today:
        return Close("refused", (Finding("/day", f"has not begun: it was {today} in the book when this was known"),))
    return Close("closed")
