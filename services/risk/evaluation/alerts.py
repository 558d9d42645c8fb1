"""Alerts: the course of each cause derived again where its values or rules changed, and what that changes (D12)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from services.risk.domain.course import Episode, PeriodLevel, derive
from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import Cause, PeriodKind, causes_of, rated_while_open, rules_on
from services.risk.domain.rating import Observation
from services.risk.domain.revision import AlertState, Change, StandingAlert, reconcile
from services.risk.evaluation.figures import Window, day_window, month_window
from services.risk.evaluation.publishing import DAYS_KEPT
from services.risk.evaluation.state import Task
from services.risk.store import alerts, series
from services.risk.store.alerts import AlertRow
from services.risk.store.series import Published, SeriesKey
from shared.db.port import Tx
from shared.kernel.days import month_of
from shared.kernel.ids import hashed_id

_ENCODE = msgspec.msgpack.Encoder().encode
_COURSE = msgspec.msgpack.Decoder(Episode).decode


class Values(NamedTuple):
    """What one cause was observed at: final values as published, and the open period where it may be rated."""

    published: dict[int, Published]
    open: dict[int, Observation]
    parts_open: dict[int, dict[str, int]]

    @property
    def observations(self) -> list[Observation]:
        """Return one observation per period, by rising period."""
        final = {
            period: Observation(period, one.as_of, one.value, one.numerator, one.denominator, one.sample, True)
            for period, one in self.published.items()
        }
        return [one for _, one in sorted({**self.open, **final}.items())]

    def parts(self, period: int) -> dict[str, int]:
        """Return the parts of a period's value."""
        if period in self.published:
            return self.published[period].parts
        return self.parts_open.get(period, {})


class Moved(NamedTuple):
    """One cause whose alerts changed."""

    cause: Cause
    cause_id: str
    values: Values
    alerts: tuple[StandingAlert, ...]
    changes: tuple[Change, ...]
    before: dict[str, AlertRow]
    """The alerts as they were kept, by id."""
    rated: dict[int, PeriodLevel]
    """Every period that was rated."""


def key_of(cause: Cause) -> SeriesKey:
    """Return the series that a cause watches."""
    return SeriesKey(cause.indicator, cause.basis, cause.currency, cause.period_kind.value, cause.segment)


def id_of(cause: Cause) -> str:
    """Return the id of a cause: the key of its alerts' messages."""
    return hashed_id(*cause)


def pack_course(course: Episode) -> bytes:
    """Return an alert's course as it is kept."""
    return _ENCODE(course)


async def move_alerts(tx: Tx, task: Task, changed: set[SeriesKey]) -> list[Moved]:
    """Derive the causes that may have changed, and return those whose alerts do."""
    causes = _touched(task, changed)
    if not causes:
        return []
    values = await _values(tx, task, causes)
    ids = {cause: id_of(cause) for cause in causes}
    kept: dict[str, list[AlertRow]] = {}
    for row in await alerts.alerts_of_causes(tx, ids.values()):
        kept.setdefault(row.cause_id, []).append(row)
    moved: list[Moved] = []
    for cause in causes:
        standing = kept.get(ids[cause], [])
        rules_at = rules_on(task.history, cause, task.terms.base_currency)
        while_open = rated_while_open(INDICATORS[cause.indicator], cause)
        course = derive(values[cause].observations, rules_at, while_open=while_open)
        found = reconcile(cause, [_standing(row) for row in standing], course)
        if found.changes:
            before = {row.id: row for row in standing}
            moved.append(Moved(cause, ids[cause], values[cause], found.alerts, found.changes, before, course.rated))
    return moved


def _standing(row: AlertRow) -> StandingAlert:
    return StandingAlert(row.id, row.episode, AlertState(row.state), row.revision, _COURSE(row.course))


def _touched(task: Task, changed: set[SeriesKey]) -> list[Cause]:
    """Return the causes to look at: new values, new rules, or an open period that may be rated and moved."""
    every = causes_of(task.rules, task.segments, task.terms.base_currency)
    if task.dirt.everywhere:
        return every
    opened = task.closed_through > task.evaluator.evaluated_through
    return [
        cause
        for cause in every
        if key_of(cause) in changed
        or (rated_while_open(INDICATORS[cause.indicator], cause) and (opened or cause.segment in task.dirt.segments))
    ]


async def _values(tx: Tx, task: Task, causes: Sequence[Cause]) -> dict[Cause, Values]:
    """Return what each cause was observed at, by two statements for each kind of period."""
    found: dict[Cause, Values] = {}
    for kind in (PeriodKind.MONTH, PeriodKind.DAY):
        of_kind = [cause for cause in causes if cause.period_kind is kind]
        if not of_kind:
            continue
        indicators = sorted({cause.indicator for cause in of_kind})
        segments = sorted({cause.segment for cause in of_kind})
        periods = (task.first_month, task.final_month)
        if kind is PeriodKind.DAY:
            periods = (max(task.terms.first_day, task.open_day - DAYS_KEPT), task.closed_through)
        published = await series.latest_values(tx, task.book, indicators, segments, kind.value, periods)
        running = [cause for cause in of_kind if rated_while_open(INDICATORS[cause.indicator], cause)]
        window = await _open_window(tx, task, running, kind) if running else None
        for cause in of_kind:
            open_now = _open(task, cause, window) if window is not None and cause in running else ({}, {})
            found[cause] = Values(published.get(key_of(cause), {}), *open_now)
    return found


def open_periods(task: Task, kind: PeriodKind) -> range:
    """Return the periods that have begun and are not final."""
    if kind is PeriodKind.DAY:
        return range(task.open_day, task.open_day + 1)
    return range(task.final_month + 1, month_of(task.open_day) + 1)


async def _open_window(tx: Tx, task: Task, causes: Iterable[Cause], kind: PeriodKind) -> Window:
    running = list(causes)
    indicators = [INDICATORS[name] for name in sorted({cause.indicator for cause in running})]
    segments = sorted({cause.segment for cause in running})
    periods = open_periods(task, kind)
    read = month_window if kind is PeriodKind.MONTH else day_window
    return await read(tx, task.book, segments, indicators, (periods[0], periods[-1]))


def _open(task: Task, cause: Cause, window: Window) -> tuple[dict[int, Observation], dict[int, dict[str, int]]]:
    observations: dict[int, Observation] = {}
    parts: dict[int, dict[str, int]] = {}
    for period in open_periods(task, cause.period_kind):
        seen = window.read(key_of(cause), period)
        as_of = cause.period_kind.end(period)
        observations[period] = Observation(
            period, as_of, seen.value, seen.numerator, seen.denominator, seen.sample, False
        )
        parts[period] = seen.parts
    return observations, parts
