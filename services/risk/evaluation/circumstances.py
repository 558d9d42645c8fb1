"""What an explanation needs beside the revision: driving segments, largest loans or projects, age of the data."""

import msgspec

from services.risk.domain.explanation import Circumstances, Shares, Subject, value_before
from services.risk.domain.indicators import INDICATORS
from services.risk.domain.largest import (
    LOAN_INDICATORS,
    PROJECT_INDICATORS,
    Point,
    candidates_due_by,
    loan_in,
    project_in,
)
from services.risk.domain.loan_state import LoanState
from services.risk.domain.policy import PeriodKind, Rule
from services.risk.domain.project import ProjectState
from services.risk.domain.rating import Observation
from services.risk.domain.revision import AlertReason, Change, peak_level
from services.risk.domain.segments import PORTFOLIO
from services.risk.evaluation.alerts import Moved, key_of
from services.risk.evaluation.figures import Window, day_window, month_window
from services.risk.evaluation.state import Task
from services.risk.store import counters, facts, subjects
from shared.db.port import Tx
from shared.kernel.calendars import calendar_named
from shared.kernel.days import Day, month_of, month_start

TOP = 5
"""Loans or projects named in an explanation."""
_CANDIDATES = 400
"""Heaviest loans that are looked at for them."""

_LOAN = msgspec.msgpack.Decoder(LoanState).decode
_PROJECT = msgspec.msgpack.Decoder(ProjectState).decode


class Surroundings:
    """Reads circumstances for the changes of one evaluation, each thing once."""

    def __init__(self, tx: Tx, task: Task) -> None:
        """`tx` sees what the evaluation saw."""
        self._tx = tx
        self._task = task
        self._all_segments: list[str] | None = None
        self._last_facts: dict[Day, Day | None] = {}
        self._windows: dict[tuple[str, str, int, int], Window] = {}

    async def of(self, moved: Moved, change: Change, rule: Rule) -> Circumstances:
        """Return the circumstances of one change."""
        cause, entry = moved.cause, change.entry
        observations = moved.values.observations
        before = value_before(observations, change.period)
        current = bool(observations) and change.period == observations[-1].period
        drivers: dict[str, dict[str, Shares]] = {}
        if cause.segment == PORTFOLIO and before is not None and entry.observation.value is not None:
            drivers = await self._drivers(moved, rule, before, entry.observation)
        return Circumstances(
            title=INDICATORS[cause.indicator].title,
            counted=INDICATORS[cause.indicator].counted,
            before=before,
            drivers=drivers,
            parts=moved.values.parts(change.period),
            top=await self._top(moved, change) if current else (),
            data_age_days=await self._data_age_days(change.as_of),
            off_work_end=cause.period_kind is PeriodKind.MONTH
            and not calendar_named(self._task.terms.calendar).is_working_day(change.as_of),
            because=self._because(change, cause.segment),
            peak_level=peak_level(next(one for one in moved.alerts if one.id == change.alert), change.period),
            observations=observations,
            rated=moved.rated,
        )

    def _because(self, change: Change, segment: str) -> str:
        if change.reason not in (AlertReason.PAST_CHANGED, AlertReason.LEVEL_NOT_REACHED, AlertReason.VALUE_GONE):
            return ""
        days = [change.as_of, *(change.entry.observation.as_of for _ in change.amendments)]
        why = self._task.dirt.why(segment, max(days))
        return "" if why is None else why[1]

    async def _data_age_days(self, as_of: Day) -> int:
        if as_of not in self._last_facts:
            self._last_facts[as_of] = await facts.last_value_date(self._tx, self._task.book, as_of)
        last = self._last_facts[as_of]
        return 0 if last is None else as_of - last

    async def _drivers(
        self, moved: Moved, rule: Rule, before: Observation, now: Observation
    ) -> dict[str, dict[str, Shares]]:
        """Return by attribute and value of it what each segment had in both periods."""
        drivers: dict[str, dict[str, Shares]] = {}
        for attribute in rule.drivers:
            head = f"{attribute}="
            segments = [segment for segment in await self._segments() if segment.startswith(head)]
            if not segments:
                continue
            window = await self._window(moved, attribute, segments, (before.period, now.period))
            shares: dict[str, Shares] = {}
            for segment in segments:
                key = key_of(moved.cause)._replace(segment=segment)
                one, other = window.read(key, now.period), window.read(key, before.period)
                if one.denominator or other.denominator:
                    shares[segment.removeprefix(head)] = Shares(
                        one.numerator, one.denominator, other.numerator, other.denominator
                    )
            drivers[attribute] = shares
        return drivers

    async def _segments(self) -> list[str]:
        if self._all_segments is None:
            self._all_segments = await counters.segments_of(self._tx, self._task.book)
        return self._all_segments

    async def _window(self, moved: Moved, attribute: str, segments: list[str], periods: tuple[int, int]) -> Window:
        place = (moved.cause.indicator + moved.cause.period_kind, attribute, *periods)
        if place not in self._windows:
            read = month_window if moved.cause.period_kind is PeriodKind.MONTH else day_window
            indicator = INDICATORS[moved.cause.indicator]
            self._windows[place] = await read(self._tx, self._task.book, segments, [indicator], periods)
        return self._windows[place]

    async def _top(self, moved: Moved, change: Change) -> list[Subject]:
        """Return the heaviest loans or projects in the numerator of the latest period."""
        cause, task = moved.cause, self._task
        month = month_of(change.as_of)
        point = Point(month, change.as_of, cause.segment, task.terms)
        if cause.indicator in PROJECT_INDICATORS:
            rows = await subjects.projects_of_book(self._tx, task.book, _CANDIDATES)
            found = (project_in(cause.indicator, name, _PROJECT(state), point) for name, state in rows)
            return [one for one in found if one is not None][:TOP]
        if cause.indicator not in LOAN_INDICATORS:
            return []
        candidates = dict(await self._candidates(cause.indicator, point))
        named: list[Subject] = []
        for name, state in candidates.items():
            one = loan_in(cause.indicator, name, _LOAN(state), point)
            if one is not None and cause.currency in ("", one.currency):
                named.append(one)
        named.sort(key=lambda one: (-(one.amount_minor or 0), one.id))
        return named[:TOP]

    async def _candidates(self, indicator: str, point: Point) -> list[tuple[str, bytes]]:
        book, tx = self._task.book, self._tx
        found: list[tuple[str, bytes]] = []
        if indicator in ("charge_off_rate", "default_rate"):
            ended = (month_start(point.month), point.as_of)
            found += await subjects.heaviest_charged_off(tx, book, ended, _CANDIDATES)
        if indicator != "charge_off_rate":
            due_by = candidates_due_by(indicator, point.as_of, point.terms)
            found += await subjects.heaviest_active(tx, book, due_by, _CANDIDATES)
        return found
