"""Books as gauges for Prometheus: final values of what a policy watches, its thresholds, the levels of open alerts.

Read from the database, so that they are there after a start and do not wait for the next alert; of each book only by
the process that evaluates it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.risk.domain.overdue import Closing, overdue_days
from services.risk.domain.policy import Direction, Level, PeriodKind, Rule, cause_of, in_force
from services.risk.domain.segments import PORTFOLIO
from services.risk.evaluation.alerts import key_of
from services.risk.store import alerts, books, counters, policies, series
from services.risk.store.books import Book, Evaluator
from services.risk.store.series import SeriesKey
from shared.clock import Clock
from shared.db.port import Tx
from shared.kernel.days import date_of

_BACK = {PeriodKind.MONTH: 12, PeriodKind.DAY: 31}
"""How many periods back a last value is looked for: not every period has one."""
_SERIES = ["book", "indicator", "basis", "currency", "segment", "period_kind"]
_Side = tuple[Direction, Level]


class Watched(NamedTuple):
    """One series that a policy watches, as it stands."""

    key: SeriesKey
    level: Level
    thresholds: Mapping[_Side, float]
    value: float | None = None


class BookState(NamedTuple):
    """A book as its gauges show it; `watched` the worst first, `left_out` counts what there was no room for."""

    closed_at: datetime | None
    closing: Closing
    open_alerts: dict[Level, int]
    watched: tuple[Watched, ...]
    left_out: int


async def read_book(tx: Tx, name: str, most: int) -> BookState | None:
    """Return a book's state with so many series at most; None for a book that is not there."""
    evaluator, book = await books.evaluator_of(tx, name), await books.book_named(tx, name)
    if evaluator is None or book is None:
        return None
    open_now = await alerts.open_levels(tx, name)
    watched = await _watched(tx, evaluator, book, open_now)
    shown = watched[:most]
    values = await _values(tx, name, evaluator, shown)
    closed = evaluator.evaluated_through >= book.terms.first_day
    return BookState(
        closed_at=_end_of(evaluator.evaluated_through, book.time_zone) if closed else None,
        closing=Closing(evaluator.evaluated_through, book.terms.calendar, book.time_zone),
        open_alerts={level: sum(1 for _, one in open_now if one is level) for level in (Level.AMBER, Level.RED)},
        watched=tuple(one._replace(value=values.get(one.key)) for one in shown),
        left_out=len(watched) - len(shown),
    )


async def _watched(tx: Tx, evaluator: Evaluator, book: Book, open_now: list[tuple[SeriesKey, Level]]) -> list[Watched]:
    """Return what the policies in force watch, the worst first, the whole book before its segments."""
    terms, day = book.terms, max(evaluator.evaluated_through, book.terms.first_day)
    rules = in_force(await policies.policy_history(tx), terms.book, day)
    segments = await counters.segments_of(tx, terms.book)
    thresholds: dict[SeriesKey, dict[_Side, float]] = {}
    for held in rules:
        for segment in segments:
            if held.rule.watches(segment):
                key = key_of(cause_of(held.rule, segment, terms.base_currency))
                _enter(held.rule, thresholds.setdefault(key, {}))
    levels: dict[SeriesKey, Level] = {}
    for key, level in open_now:
        levels[key] = max(level, levels.get(key, level), key=lambda one: one.rank)
    found = [Watched(key, levels.get(key, Level.NONE), enters) for key, enters in thresholds.items()]
    return sorted(found, key=lambda one: (-one.level.rank, one.key.segment != PORTFOLIO, one.key))


def _enter(rule: Rule, enters: dict[_Side, float]) -> None:
    """Note from which value on each level is entered; of several rules the one that is reached first."""
    for level in (Level.AMBER, Level.RED):
        threshold, side = rule.threshold(level), (rule.direction, level)
        if threshold is not None and rule.direction.reaches(enters.get(side, threshold.enter), threshold.enter):
            enters[side] = threshold.enter


async def _values(tx: Tx, book: str, evaluator: Evaluator, shown: list[Watched]) -> dict[SeriesKey, float]:
    """Return the last final value of each series."""
    last = {PeriodKind.MONTH: evaluator.final_month, PeriodKind.DAY: evaluator.evaluated_through}
    found: dict[SeriesKey, float] = {}
    for kind, period in last.items():
        keys = [one.key for one in shown if one.key.period_kind == kind.value]
        if keys:
            indicators, segments = sorted({key.indicator for key in keys}), sorted({key.segment for key in keys})
            periods = (period - _BACK[kind] + 1, period)
            published = await series.latest_values(tx, book, indicators, segments, kind.value, periods)
            for key, by_period in published.items():
                valued = [one for one in by_period.values() if one.value is not None]
                if valued and (value := max(valued, key=lambda one: one.period).value) is not None:
                    found[key] = value
    return found


def _end_of(day: int, time_zone: str) -> datetime:
    """Return the moment at which a business day is over in its book's time zone."""
    return datetime.combine(date_of(day) + timedelta(days=1), datetime.min.time(), ZoneInfo(time_zone))


class BookGauges(Collector):
    """The states of this process's books, for whoever scrapes it; `most` bounds the series of all books together.

    `close_by_h` is the hour of the next working day by which a day is to be closed.
    """

    def __init__(self, clock: Clock) -> None:
        """Nothing is shown yet; `clock` tells which days should be closed."""
        self._clock = clock
        self.most, self.close_by_h = 0, 0
        self._states: dict[str, BookState] = {}

    @property
    def books(self) -> list[str]:
        """Return the names of the books that are shown."""
        return list(self._states)

    def show(self, book: str, state: BookState) -> None:
        """Show a book in its new state."""
        self._states[book] = state

    def forget(self, book: str) -> None:
        """Show a book no more."""
        self._states.pop(book, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield everything that is shown."""
        closed = GaugeMetricFamily(
            "tocsin_risk_book_closed_timestamp_seconds",
            "End of the last closed day, in the book's time zone",
            labels=["book"],
        )
        overdue = GaugeMetricFamily(
            "tocsin_risk_book_overdue_days", "Working days that should be closed by now and are not", labels=["book"]
        )
        alerts_open = GaugeMetricFamily("tocsin_risk_alerts_open", "Open alerts by level", labels=["book", "level"])
        left_out = GaugeMetricFamily(
            "tocsin_risk_indicator_series_left_out",
            "Series that a policy watches and no gauge shows, because there are too many",
            labels=["book"],
        )
        value = GaugeMetricFamily("tocsin_risk_indicator_value", "Last final value (fraction)", labels=_SERIES)
        level = GaugeMetricFamily("tocsin_risk_indicator_level", "Level now: 0 none, 1 amber, 2 red", labels=_SERIES)
        threshold = GaugeMetricFamily(
            "tocsin_risk_indicator_threshold",
            "Value from which on the level is entered (fraction)",
            labels=[*_SERIES, "direction", "level"],
        )
        room, now = self.most, self._clock.now()
        for book, state in sorted(self._states.items()):
            if state.closed_at is not None:
                closed.add_metric([book], state.closed_at.timestamp())
            overdue.add_metric([book], overdue_days(state.closing, now, self.close_by_h))
            for name, number in state.open_alerts.items():
                alerts_open.add_metric([book, name], number)
            for one in islice(state.watched, room):
                key = one.key
                labels = [book, key.indicator, key.basis, key.currency, key.segment, key.period_kind]
                level.add_metric(labels, one.level.rank)
                if one.value is not None:
                    value.add_metric(labels, one.value)
                for (direction, name), enter in one.thresholds.items():
                    threshold.add_metric([*labels, direction, name], enter)
            left_out.add_metric([book], state.left_out + max(0, len(state.watched) - room))
            room = max(0, room - len(state.watched))
        yield from (closed, overdue, alerts_open, left_out, value, level, threshold)
