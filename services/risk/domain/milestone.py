"""One milestone of a project: when it was to be achieved, when it was, and what it adds to `project_delay_rate`."""

from collections.abc import Mapping
from datetime import date

import msgspec

from services.risk.domain.cells import Rows
from shared.kernel.days import FOREVER, Day, date_of, month_end, month_of


class Milestone(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What is known of a milestone; of what may change, each change with the day from which it held."""

    baselines: tuple[tuple[Day, Day], ...] = ()
    """(told on, baseline), each different from the one before. The first is the approved one."""
    cancellations: tuple[tuple[Day, bool], ...] = ()
    """(told on, cancelled), alternating from the first cancellation on."""
    forecast: Day | None = None
    actual: Day | None = None

    @property
    def approved(self) -> Day | None:
        """The baseline that delay is measured against: the first one."""
        return self.baselines[0][1] if self.baselines else None


class Report(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What one report says of a milestone; None: nothing about it."""

    milestone: str
    baseline: Day | None = None
    forecast: Day | None = None
    actual: Day | None = None
    cancelled: bool | None = None


class MilestoneView(msgspec.Struct, frozen=True, kw_only=True):
    """A milestone at the close of a day."""

    milestone: str
    baseline: date | None
    """The approved one."""
    rebaselined: date | None
    """The latest one, when there was another after the approved one."""
    forecast: date | None
    actual: date | None
    cancelled: bool
    days_late: int | None
    """From the approved baseline to its achievement, else to this day; negative when early, None when not yet due."""


def told(milestone: Milestone, report: Report, day: Day) -> Milestone:
    """Return a milestone after a report of a day; the reports before it are in."""
    baselines, cancellations = milestone.baselines, milestone.cancellations
    if report.baseline is not None and (not baselines or baselines[-1][1] != report.baseline):
        baselines = (*baselines, (day, report.baseline))
    if report.cancelled is not None and report.cancelled != is_cancelled(milestone):
        cancellations = (*cancellations, (day, report.cancelled))
    return Milestone(
        baselines=baselines,
        cancellations=cancellations,
        forecast=milestone.forecast if report.forecast is None else report.forecast,
        actual=milestone.actual if report.actual is None else report.actual,
    )


def is_cancelled(milestone: Milestone, day: Day | None = None) -> bool:
    """Tell whether a milestone is cancelled, at the close of a day or by all that is known."""
    held = False
    for since, cancelled in milestone.cancellations:
        if day is None or since <= day:
            held = cancelled
    return held


def rows_of(milestone: Milestone) -> Rows:
    """Return what a milestone adds to the counters, at its approved baseline.

    It is late when it was not achieved by the last day of that month: written ahead with the baseline, as a missed
    instalment is, so that a milestone of which nobody says anything any more becomes late without an event.
    """
    due = milestone.approved
    if due is None:
        return {}
    close = month_end(month_of(due))
    if is_cancelled(milestone, close):
        return {}
    rows: Rows = {("milestones_due", due): 1}
    if milestone.actual is None or milestone.actual > close:
        rows["milestones_delayed", due] = 1
        if any(since <= close for since, _ in milestone.baselines[1:]):
            rows["milestones_rebaselined", due] = 1
    elif milestone.actual > due:
        rows["milestones_achieved_late", due] = 1
    return rows


def is_delayed(milestone: Milestone) -> bool:
    """Tell whether a milestone counts as delayed in the month of its approved baseline."""
    return any(measure == "milestones_delayed" for measure, _ in rows_of(milestone))


def views_of(milestones: Mapping[str, Milestone], as_of: Day) -> tuple[MilestoneView, ...]:
    """Return milestones, of which the reports up to a day are known, at its close: by baseline, then by name."""
    ordered = sorted(milestones.items(), key=lambda each: (each[1].approved or FOREVER, each[0]))
    return tuple(_view(name, milestone, as_of) for name, milestone in ordered)


def _view(name: str, milestone: Milestone, as_of: Day) -> MilestoneView:
    due, actual, latest = milestone.approved, milestone.actual, milestone.baselines[-1:]
    cancelled = is_cancelled(milestone)
    reached = as_of if actual is None else actual
    counts = due is not None and not cancelled and (actual is not None or reached > due)
    return MilestoneView(
        milestone=name,
        baseline=_date(due),
        rebaselined=date_of(latest[0][1]) if len(milestone.baselines) > 1 else None,
        forecast=_date(milestone.forecast),
        actual=_date(actual),
        cancelled=cancelled,
        days_late=reached - due if counts and due is not None else None,
    )


def _date(day: Day | None) -> date | None:
    return None if day is None else date_of(day)
