"""Publishing: values of periods that became final, and new revisions of those whose figures changed (D6)."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.risk import metrics
from services.risk.domain.book import BookTerms
from services.risk.domain.indicators import INDICATORS, Indicator
from services.risk.domain.policy import PeriodKind
from services.risk.domain.segments import PORTFOLIO
from services.risk.evaluation.figures import DAY, MONTH, Window, day_window, month_window, series_of
from services.risk.evaluation.state import Task
from services.risk.store import books, counters, series
from services.risk.store.series import Published, SeriesKey
from shared.db.port import Tx
from shared.kernel.days import FOREVER, Day, Month, month_end, month_of

DAYS_KEPT = 400
"""Daily values older than this many days before the open day are not published again (D5)."""


class Closes(NamedTuple):
    """The closes of a book from some day on: when did it become known that a day was over?"""

    days: Sequence[Day]
    known_at_us: Sequence[int]

    def known_at(self, day: Day) -> int:
        """Return when the first close that reaches a day became known; 0 when there is none."""
        place = bisect_left(self.days, day)
        return self.known_at_us[place] if place < len(self.days) else 0


async def finality(tx: Tx, terms: BookTerms, months: tuple[Month, Month]) -> dict[Month, Day]:
    """Return the day whose close makes each month final: its end, or its last due date moved if that is later (D7)."""
    dues = await counters.last_days(tx, terms.book, PORTFOLIO, "instalments_due", months)
    found: dict[Month, Day] = {}
    for month in range(months[0], months[1] + 1):
        end = month_end(month)
        found[month] = max(end, terms.moved(dues[month])) if month in dues else end
    return found


async def last_final_month(tx: Tx, terms: BookTerms, known: Month, closed_through: Day) -> Month:
    """Return the last month that is final; one that was (`known`) stays so."""
    candidates = (known + 1, month_of(closed_through + 1) - 1)
    if candidates[0] > candidates[1]:
        return known
    for month, day in sorted((await finality(tx, terms, candidates)).items()):
        if day > closed_through:
            return month - 1
    return candidates[1]


async def publish(tx: Tx, task: Task) -> set[SeriesKey]:
    """Publish what is new; return the series that have new revisions."""
    fresh = await _publish_months(tx, task)
    fresh += await _publish_days(tx, task)
    await series.add_values(tx, task.book, fresh)
    for one in fresh:
        metrics.VALUES_PUBLISHED.labels(one.key.indicator, one.cause).inc()
    return {one.key for one in fresh}


class _Stretch(NamedTuple):
    """Periods of some segments to look at."""

    segments: list[str]
    periods: tuple[int, int]


async def _publish_months(tx: Tx, task: Task) -> list[Published]:
    before, now = task.evaluator.final_month, task.final_month
    fresh: list[Published] = []
    indicators = [one for one in INDICATORS.values() if MONTH in one.period_kinds]
    closes = Closes([], [])
    ends: dict[int, Day] = {}
    if now > before:
        ends = dict(await finality(tx, task.terms, (before + 1, now)))
        closes = await _closes(tx, task.book, min(ends.values()))
    stretches = _dirty(task, MONTH, (task.first_month, before))
    if now > before:
        stretches.append(_Stretch(task.segments, (before + 1, now)))
    for stretch in stretches:
        window = await month_window(tx, task.book, stretch.segments, indicators, stretch.periods)
        keys = series_of(indicators, stretch.segments, _currencies(window, task.terms), MONTH)
        fresh += await _compare(tx, task, _Look(window, keys, stretch, closes, ends))
    return fresh


async def _publish_days(tx: Tx, task: Task) -> list[Published]:
    """Publish daily values of the indicators and segments that a rule watches by day."""
    rules = [held.rule for held in task.rules if held.rule.period is PeriodKind.DAY]
    if not rules:
        return []
    indicators = [INDICATORS[name] for name in dict.fromkeys(rule.indicator for rule in rules)]
    watched = [segment for segment in task.segments if any(rule.watches(segment) for rule in rules)]
    before, now = task.evaluator.evaluated_through, task.closed_through
    earliest = max(task.terms.first_day, task.open_day - DAYS_KEPT)
    stretches = _dirty(task, DAY, (earliest, before))
    closes = Closes([], [])
    if now > before:
        first = max(before + 1, earliest)
        stretches.append(_Stretch(watched, (first, now)))
        closes = await _closes(tx, task.book, first)
    fresh: list[Published] = []
    for stretch in stretches:
        segments = [segment for segment in stretch.segments if segment in watched]
        if segments and stretch.periods[0] <= stretch.periods[1]:
            window = await day_window(tx, task.book, segments, indicators, stretch.periods)
            keys = series_of(indicators, segments, _currencies(window, task.terms), DAY)
            ends = {day: day for day in range(stretch.periods[0], stretch.periods[1] + 1)}
            fresh += await _compare(tx, task, _Look(window, keys, stretch._replace(segments=segments), closes, ends))
    return fresh


async def _closes(tx: Tx, book: str, day: Day) -> Closes:
    found = await books.closes_since(tx, book, day)
    return Closes([one[0] for one in found], [one[1] for one in found])


def _dirty(task: Task, kind: str, published: tuple[int, int]) -> list[_Stretch]:
    """Return the published periods that marks say may have changed."""
    earliest: dict[str, Day] = dict(task.dirt.segments)
    if task.dirt.everywhere:
        for segment in task.segments:
            earliest[segment] = min(task.dirt.everything_from, earliest.get(segment, FOREVER))
    number = month_of if kind == MONTH else _day
    first, last = published
    found = {segment: max(first, number(day)) for segment, day in earliest.items()}
    segments = sorted(segment for segment, period in found.items() if period <= last)
    if not segments:
        return []
    return [_Stretch(segments, (min(found[segment] for segment in segments), last))]


def _day(day: Day) -> int:
    return day


def _currencies(window: Window, terms: BookTerms) -> list[str]:
    """Return the currencies to publish exposures in: those with figures, the base currency in any case."""
    return sorted({*window.currencies, terms.base_currency})


class _Look(NamedTuple):
    """Some series with their sums, to be compared with what was published."""

    window: Window
    keys: list[SeriesKey]
    stretch: _Stretch
    closes: Closes
    ends: dict[int, Day]
    """Period -> day whose close makes it final, for periods that were not final before."""


async def _compare(tx: Tx, task: Task, look: _Look) -> list[Published]:
    """Return the revisions that differ from the ones before."""
    kind = look.keys[0].period_kind if look.keys else MONTH
    names = sorted({key.indicator for key in look.keys})
    published = await series.latest_values(tx, task.book, names, look.stretch.segments, kind, look.stretch.periods)
    fresh: list[Published] = []
    for key in look.keys:
        of_key = published.get(key, {})
        for period in range(look.stretch.periods[0], look.stretch.periods[1] + 1):
            one = _revision(task, look, key, period, of_key.get(period))
            if one is not None:
                fresh.append(one)
    return fresh


def _revision(task: Task, look: _Look, key: SeriesKey, period: int, before: Published | None) -> Published | None:
    """Return the next revision of a value; None when its figures are what was published."""
    indicator: Indicator = INDICATORS[key.indicator]
    found = look.window.read(key, period)
    if before is None and not found.denominator and not found.numerator and not _always(key, task.terms):
        return None
    as_of = PeriodKind(key.period_kind).end(period)
    why = task.dirt.why(key.segment, as_of)
    known_from, cause = why or (0, "back_dated")
    if before is None and period in look.ends:
        known_from, cause = max(known_from, look.closes.known_at(look.ends[period])), "close"
    elif cause in ("fact", "repayment", "survey"):
        # It came when its period was over: that is what the reader needs to know of it.
        cause = "back_dated"
    one = Published(
        key=key,
        period=period,
        revision=1 if before is None else before.revision + 1,
        value=found.value,
        numerator=found.numerator,
        denominator=found.denominator,
        sample=found.sample,
        parts=found.parts,
        as_of=as_of,
        known_from=known_from if before is None else max(known_from, before.known_from),
        cause=cause,
        definition_version=indicator.version,
    )
    return None if before is not None and one.same_figures(before) else one


def _always(key: SeriesKey, terms: BookTerms) -> bool:
    """Tell whether a series is published even where it is empty: the book's own, so that it has no holes."""
    return key.segment == PORTFOLIO and key.currency in ("", terms.base_currency)


def observed(values: Iterable[Published]) -> list[Published]:
    """Return values by rising period."""
    return sorted(values, key=lambda one: one.period)
