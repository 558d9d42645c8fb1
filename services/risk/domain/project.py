"""Projects: forecasts of completion and how far each round moves them (`project_slip_rate`), milestones and which of
them are late (`project_delay_rate`)."""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from services.risk.domain.anomaly import Anomaly, Contradiction
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, Rows, add_rows
from services.risk.domain.change import Change, Placeable, Total
from services.risk.domain.corrections import by_id, corrected
from services.risk.domain.milestone import Milestone, MilestoneView, Report, rows_of, told, views_of
from services.risk.domain.segments import SegmentLog, SegmentMove, recent, segment_log
from shared.kernel.days import Day, Month, date_of, month_end, month_of

SLIP_DAYS = 90


@unique
class ProjectKind(StrEnum):
    """What happened to a project; listed in the order in which facts of one day are folded."""

    REGISTERED = "registered"
    REPORTED = "reported"
    MILESTONE = "milestone"
    CORRECTED = "corrected"


_RANK = {kind: rank for rank, kind in enumerate(ProjectKind)}


class ProjectFact(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One fact about one project."""

    kind: ProjectKind
    day: Day
    """Value date; of a report: its date."""
    known_at_us: int
    id: str
    currency: str = ""
    forecast: Day | None = None
    """reported: forecast completion, None when the report does not say."""
    phase: str = ""
    budget_minor: int | None = None
    milestone: Report | None = None
    """milestone: what is said of it."""
    attributes: dict[str, str] = {}
    """registered: the project's own segment attributes."""
    target: str = ""
    """corrected: event id of the fact meant."""
    replacement: "ProjectFact | None" = None
    """corrected: the fact as it should have been; None annuls it."""


class Forecast(NamedTuple):
    """A forecast completion and the day of the report that said it."""

    reported: Day
    completion: Day


class ProjectState(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """State after its last fact."""

    registered: bool = False
    currency: str = ""
    month: Month = 0
    """Month of `latest`."""
    latest: Forecast | None = None
    before: Forecast | None = None
    """The last known forecast before `month`."""
    first: Forecast | None = None
    reports: int = 0
    last_report: Day = 0
    phase: str = ""
    budget_minor: int | None = None
    milestones: dict[str, Milestone] = {}
    segments: SegmentLog = ()
    last_order: tuple[Day, int, int, str] = (0, 0, 0, "")
    dangling: bool = False


class ProjectFolded(NamedTuple):
    """Outcome of a fold: the state (None without facts that count), what to add to the counters, contradictions."""

    state: ProjectState | None
    adds: Placeable
    anomalies: list[Anomaly]

    @property
    def cells(self) -> Cells:
        """What it adds, as cells."""
        return self.adds.cells()


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """A project at the close of a day."""

    as_of: date
    phase: str
    budget_minor: int | None
    currency: str
    reports: int
    last_report: date | None
    forecast: date | None
    forecast_before: date | None
    """The last known forecast before the month of the latest one."""
    slip_days: int | None
    """From that one to the latest."""
    slip_since_first_days: int | None
    milestones: tuple[MilestoneView, ...]
    """By approved baseline, those without one last."""


def fold(facts: Sequence[ProjectFact], moves: Sequence[SegmentMove], terms: BookTerms) -> ProjectFolded:
    """Fold all facts of one project, given in any order, with the moves of its client between segments."""
    counting, anomalies, dangling = _effective(facts)
    state: ProjectState | None = None
    total = Total(terms)
    own: dict[str, str] = {}
    for fact in counting:
        if fact.kind is ProjectKind.REGISTERED and not (state and state.registered):
            own = fact.attributes
        state, changed, anomaly = _step(state or ProjectState(), fact)
        total.add(Change(changed))
        if anomaly is not None:
            anomalies.append(Anomaly(fact.id, anomaly))
    if state is None:
        return ProjectFolded(None, Placeable(total), anomalies)
    log = segment_log(own, moves, terms.segment_attributes)
    state.segments = recent(log, state.last_order[0])
    state.dangling = dangling
    return ProjectFolded(state, Placeable(total, log), anomalies)


def order_of(fact: ProjectFact) -> tuple[Day, int, int, str]:
    """Return the place of a fact among the facts of its project."""
    return (fact.day, _RANK[fact.kind], fact.known_at_us, fact.id)


def continues(state: ProjectState | None, fact: ProjectFact) -> bool:
    """Tell whether `advance` may add the fact: a report that comes after all others of its project.

    One on a milestone whose baseline lies before all that would still be known of its segments does not.
    """
    if state is None or state.dangling or fact.kind not in (ProjectKind.REPORTED, ProjectKind.MILESTONE):
        return False
    if fact.milestone is not None:
        known = state.milestones.get(fact.milestone.milestone, Milestone()).approved
        due = fact.milestone.baseline if known is None else known
        if due is not None and due < recent(state.segments, fact.day)[0][0]:
            return False
    return order_of(fact) > state.last_order


def advance(state: ProjectState, fact: ProjectFact, terms: BookTerms) -> ProjectFolded:
    """Continue a fold by a fact that `continues` it; the cells are what the fact changes. The state is not touched."""
    after, change, anomalies = proceed(state, fact, terms)
    total = Total(terms)
    total.add(change)
    return ProjectFolded(after, Placeable(total, after.segments), anomalies)


def proceed(state: ProjectState, fact: ProjectFact, terms: BookTerms) -> tuple[ProjectState, Change, list[Anomaly]]:
    """Continue a fold without placing what changes: rows of many projects are placed at once."""
    after, rows, anomaly = _step(state, fact)
    after.segments = recent(after.segments, fact.day)
    return after, Change(rows), [] if anomaly is None else [Anomaly(fact.id, anomaly)]


def view(
    facts: Sequence[ProjectFact], moves: Sequence[SegmentMove], terms: BookTerms, as_of: Day
) -> ProjectView | None:
    """Return the project as at the close of a day, from the facts given; None when none is dated so early."""
    counting = [fact for fact in _effective(facts)[0] if fact.day <= as_of]
    state = fold(counting, moves, terms).state
    if state is None:
        return None
    latest, before, first = state.latest, state.before, state.first
    return ProjectView(
        as_of=date_of(as_of),
        phase=state.phase,
        budget_minor=state.budget_minor,
        currency=state.currency,
        reports=state.reports,
        last_report=date_of(state.last_report) if state.reports else None,
        forecast=date_of(latest.completion) if latest else None,
        forecast_before=date_of(before.completion) if before else None,
        slip_days=latest.completion - before.completion if latest and before else None,
        slip_since_first_days=latest.completion - first.completion if latest and first else None,
        milestones=views_of(state.milestones, as_of),
    )


def _effective(facts: Iterable[ProjectFact]) -> tuple[list[ProjectFact], list[Anomaly], bool]:
    standing, anomalies, dangling = corrected(by_id(facts))
    return sorted(standing.values(), key=order_of), anomalies, dangling


def _step(state: ProjectState, fact: ProjectFact) -> tuple[ProjectState, Rows, Contradiction | None]:
    after = msgspec.structs.replace(state, last_order=order_of(fact))
    if fact.kind is ProjectKind.REGISTERED:
        if state.registered:
            return after, {}, Contradiction.SECOND_START
        after.registered = True
        after.currency = fact.currency
        return after, {}, None
    if fact.milestone is not None:
        return after, _milestone(after, fact.milestone, fact.day), None
    after.reports += 1
    after.last_report = fact.day
    after.phase = fact.phase or state.phase
    if fact.budget_minor is not None:
        after.budget_minor = fact.budget_minor
        after.currency = fact.currency or state.currency
    rows: Rows = {}
    if fact.forecast is not None:
        _forecast(state, after, Forecast(fact.day, fact.forecast), rows)
    return after, rows, None


def _milestone(after: ProjectState, report: Report, day: Day) -> Rows:
    """Work a report on a milestone in; return what it changes."""
    before = after.milestones.get(report.milestone, Milestone())
    now = told(before, report, day)
    after.milestones = {**after.milestones, report.milestone: now}
    rows = rows_of(now)
    add_rows(rows, rows_of(before), -1)
    return rows


def _forecast(state: ProjectState, after: ProjectState, latest: Forecast, rows: Rows) -> None:
    month = month_of(latest.reported)
    if month == state.month:
        add_rows(rows, _round(state), -1)
    else:
        after.month, after.before = month, state.latest
    after.latest = latest
    after.first = state.first or latest
    add_rows(rows, _round(after))


def _round(state: ProjectState) -> Rows:
    """Return the rows of the state's month: the latest forecast in it against the last known one before it."""
    latest, before = state.latest, state.before
    if latest is None or before is None:
        return {}
    close = month_end(state.month)
    return {
        ("slip_reports", close): 1,
        ("slipped", close): int(latest.completion - before.completion >= SLIP_DAYS),
        ("slip_gap_days", close): latest.reported - before.reported,
    }
