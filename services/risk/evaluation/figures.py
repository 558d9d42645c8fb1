"""Indicator readings from the counters: flows of a period, levels at its end."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.risk.domain.indicators import INDICATORS, Indicator, Reading, reading
from services.risk.domain.measures import MEASURES, Kind
from services.risk.store import counters
from services.risk.store.counters import Sums
from services.risk.store.series import SeriesKey
from shared.db.port import Tx
from shared.kernel.days import Day, Month, month_of, month_start

ALL_CURRENCIES = ""
MONTH, DAY = "month", "day"


class Window(NamedTuple):
    """Sums of a book's measures by period (month or day numbers)."""

    flows: dict[int, Sums]
    levels: dict[int, Sums]
    currencies: tuple[str, ...]

    def read(self, key: SeriesKey, period: int) -> Reading:
        """Return the reading of one series in a period."""
        flows, levels = self.flows.get(period, {}), self.levels.get(period, {})

        def sums(measure: str) -> int:
            source = flows if MEASURES[measure].kind is Kind.FLOW else levels
            return source.get((key.segment, key.currency, measure), 0)

        return reading(INDICATORS[key.indicator], key.basis, sums)


def measures_of(indicators: Iterable[Indicator]) -> list[str]:
    """Return the names of all measures that these indicators need."""
    return sorted({measure for one in indicators for basis in one.bases for measure in one.measures(basis)})


def series_of(
    indicators: Iterable[Indicator], segments: Iterable[str], currencies: Sequence[str], kind: str
) -> list[SeriesKey]:
    """Return every series: by count over all currencies, by exposure in each currency."""
    names = list(segments)
    return [
        SeriesKey(indicator.name, basis, currency, kind, segment)
        for indicator in indicators
        if kind in indicator.period_kinds
        for basis in indicator.bases
        for currency in ((ALL_CURRENCIES,) if basis == "count" else currencies)
        for segment in names
    ]


async def month_window(
    tx: Tx, book: str, segments: Sequence[str], indicators: Sequence[Indicator], months: tuple[Month, Month]
) -> Window:
    """Return the sums of whole months, from the first to the last one."""
    measures = measures_of(indicators)
    level = await _levels_before(tx, book, segments, measures, months[0])
    by_month = await counters.month_sums(tx, book, segments, measures, months)
    return _window(level, by_month, range(months[0], months[1] + 1))


async def day_window(
    tx: Tx, book: str, segments: Sequence[str], indicators: Sequence[Indicator], days: tuple[Day, Day]
) -> Window:
    """Return the sums of days, from the first to the last one."""
    measures = measures_of(indicators)
    month = month_of(days[0])
    level = await _levels_before(tx, book, segments, measures, month)
    first = month_start(month)
    by_day = await counters.day_sums(tx, book, segments, measures, (first, days[1]))
    return _window(level, by_day, range(first, days[1] + 1))


async def part_of_month(
    tx: Tx, book: str, segments: Sequence[str], indicators: Sequence[Indicator], days: tuple[Day, Day]
) -> Window:
    """Return the sums of one month with its flows from the first to the second day, and its levels at the second.

    The window has one period: the month.
    """
    window = await day_window(tx, book, segments, indicators, days)
    flows: Sums = {}
    for day in range(days[0], days[1] + 1):
        for key, value in window.flows.get(day, {}).items():
            flows[key] = flows.get(key, 0) + value
    month = month_of(days[0])
    return Window({month: flows}, {month: window.levels.get(days[1], {})}, window.currencies)


async def _levels_before(tx: Tx, book: str, segments: Sequence[str], measures: Sequence[str], month: Month) -> Sums:
    steps = [name for name in measures if MEASURES[name].kind is Kind.STEP]
    return await counters.sums_before(tx, book, segments, steps, month)


def _window(before: Sums, changes: dict[int, Sums], periods: Iterable[int]) -> Window:
    """Add levels up, and sum every measure over currencies."""
    currencies = {currency for _, currency, _ in before}
    level = _with_total(before)
    levels: dict[int, Sums] = {}
    flows: dict[int, Sums] = {}
    for period in periods:
        changed = changes.get(period)
        if changed is not None:
            currencies.update(currency for _, currency, _ in changed)
            flows[period] = _with_total(changed)
            level = dict(level)
            for key, value in flows[period].items():
                level[key] = level.get(key, 0) + value
        levels[period] = level
    return Window(flows, levels, tuple(sorted(currencies - {ALL_CURRENCIES})))


def _with_total(sums: Sums) -> Sums:
    total = dict(sums)
    for (segment, currency, measure), value in sums.items():
        if currency != ALL_CURRENCIES:
            key = (segment, ALL_CURRENCIES, measure)
            total[key] = total.get(key, 0) + value
    return total
