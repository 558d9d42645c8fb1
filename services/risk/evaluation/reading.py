"""Reading a series: published revisions of final periods, the count so far of those that are not."""

from typing import NamedTuple

from services.risk.domain.book import BookTerms
from services.risk.domain.indicators import INDICATORS, Reading
from services.risk.domain.moments import END_OF_TIME_US
from services.risk.domain.policy import PeriodKind
from services.risk.evaluation.figures import MONTH, Window, day_window, month_window, part_of_month
from services.risk.store import books, facts, series
from services.risk.store.books import Evaluator
from services.risk.store.series import Published, SeriesKey
from shared.db.port import Tx
from shared.kernel.days import Day, month_end, month_of, month_start

DAYS_MAX = 400
"""Daily periods in one answer."""


class Asked(NamedTuple):
    """Which part of which series; days are inclusive."""

    terms: BookTerms
    key: SeriesKey
    first_day: Day
    last_day: Day
    as_of_given: bool
    """The last day was asked for as the day of the view: what lies after it has not happened."""
    known_at_us: int | None
    """Only what was published by then; None: as known now."""


class Point(NamedTuple):
    """The value of one period."""

    period: int
    value: float | None
    numerator: int
    denominator: int
    sample: int
    parts: dict[str, int]
    final: bool
    as_of: Day
    known_from_us: int | None
    revision: int
    cause: str
    data_age_days: int = 0


async def read_series(tx: Tx, asked: Asked) -> list[Point]:
    """Return the points of a series by rising period."""
    evaluator = await books.evaluator_of(tx, asked.terms.book)
    if evaluator is None:
        return []
    open_day = evaluator.evaluated_through + 1
    first = max(asked.first_day, asked.terms.first_day)
    last = min(asked.last_day, open_day if asked.key.period_kind == "day" else month_end(month_of(open_day)))
    if first > last:
        return []
    read = _months if asked.key.period_kind == MONTH else _days
    points = await read(tx, asked, evaluator, (first, last))
    ages = await facts.last_value_dates(tx, asked.terms.book, sorted({point.as_of for point in points}))
    return [point._replace(data_age_days=_age(point.as_of, ages.get(point.as_of))) for point in points]


def _age(as_of: Day, last: Day | None) -> int:
    return 0 if last is None else as_of - last


async def _months(tx: Tx, asked: Asked, evaluator: Evaluator, days: tuple[Day, Day]) -> list[Point]:
    first, last = month_of(days[0]), month_of(days[1])
    # A month that the view cuts off has not ended in it.
    whole = last if not asked.as_of_given or days[1] == month_end(last) else last - 1
    final = min(whole, evaluator.final_month)
    points = await _published(tx, asked, (first, final), evaluator.final_month)
    if asked.known_at_us is not None:
        return points
    open_day = evaluator.evaluated_through + 1
    segments, indicators = [asked.key.segment], [INDICATORS[asked.key.indicator]]
    for month in range(max(first, final + 1), last + 1):
        as_of = min(month_end(month), days[1], max(open_day, month_start(month)))
        # The count so far: what would follow if nothing more happened is written ahead, but has not happened.
        window = await part_of_month(tx, asked.terms.book, segments, indicators, (month_start(month), as_of))
        points.append(_now(asked.key, window, month, as_of))
    return points


async def _days(tx: Tx, asked: Asked, evaluator: Evaluator, days: tuple[Day, Day]) -> list[Point]:
    first, last = max(days[0], days[1] - DAYS_MAX + 1), days[1]
    final = min(last, evaluator.evaluated_through)
    points = await _published(tx, asked, (first, final), evaluator.evaluated_through)
    if asked.known_at_us is None and last > final:
        window = await day_window(
            tx, asked.terms.book, [asked.key.segment], [INDICATORS[asked.key.indicator]], (last, last)
        )
        points.append(_now(asked.key, window, last, last))
    return points


async def _published(tx: Tx, asked: Asked, periods: tuple[int, int], final: int) -> list[Point]:
    """Return final periods: as published, or where nothing is, read from the counters (unless as known at a moment)."""
    first, last = periods
    if first > last:
        return []
    known = END_OF_TIME_US if asked.known_at_us is None else asked.known_at_us
    found = await series.series_of(tx, asked.terms.book, asked.key, periods, known)
    points = {period: _then(one) for period, one in found.items()}
    missing = [period for period in range(first, last + 1) if period not in points]
    if missing and asked.known_at_us is None:
        read = month_window if asked.key.period_kind == MONTH else day_window
        indicators = [INDICATORS[asked.key.indicator]]
        window = await read(tx, asked.terms.book, [asked.key.segment], indicators, (missing[0], missing[-1]))
        kind = PeriodKind(asked.key.period_kind)
        for period in missing:
            points[period] = _now(asked.key, window, period, kind.end(period), final=period <= final)
    return [points[period] for period in sorted(points)]


def _then(one: Published) -> Point:
    return Point(
        one.period,
        one.value,
        one.numerator,
        one.denominator,
        one.sample,
        one.parts,
        True,
        one.as_of,
        one.known_from,
        one.revision,
        one.cause,
    )


def _now(key: SeriesKey, window: Window, period: int, as_of: Day, final: bool = False) -> Point:
    seen: Reading = window.read(key, period)
    cause = "read" if final else "open"
    return Point(
        period, seen.value, seen.numerator, seen.denominator, seen.sample, seen.parts, final, as_of, None, 0, cause
    )
