"""Which loans and projects weigh most in an indicator's numerator: named in explanations, never counted from here.

Judged on the saved state, so only a book's latest period can be told. The counters are what figures come from.
"""

from collections.abc import Callable
from typing import NamedTuple

from services.risk.domain.book import BookTerms
from services.risk.domain.default_path import DEFAULT_DPD
from services.risk.domain.explanation import Subject
from services.risk.domain.flows import falls_due
from services.risk.domain.loan_state import LoanState, Status
from services.risk.domain.milestone import is_delayed
from services.risk.domain.project import SLIP_DAYS, ProjectState
from services.risk.domain.segments import PORTFOLIO, SegmentLog
from shared.kernel.days import Day, Month, format_day, month_of, month_start


class Point(NamedTuple):
    """Where figures are read: the month and the day at whose close levels stand, in which segment."""

    month: Month
    as_of: Day
    segment: str
    terms: BookTerms


class Matter(NamedTuple):
    """What is the matter with a loan or project, in each language."""

    en: str
    zh: str


def loan_in(indicator: str, name: str, state: LoanState, point: Point) -> Subject | None:
    """Return a loan as part of an indicator's numerator, None when it is not in it (or that cannot be told)."""
    judge = _LOANS.get(indicator)
    if judge is None or not _lies_in(state.segments, point):
        return None
    what = judge(state, point)
    return None if what is None else Subject(name, what.en, weight_minor(state), state.currency, what.zh)


def project_in(indicator: str, name: str, state: ProjectState, point: Point) -> Subject | None:
    """Return a project as part of an indicator's numerator, None when it is not in it."""
    judge = _PROJECTS.get(indicator)
    if judge is None or not _lies_in(state.segments, point):
        return None
    what = judge(state, point)
    return None if what is None else Subject(name, what.en, what_zh=what.zh)


def weight_minor(state: LoanState) -> int:
    """Return the principal, or what it was at the start of the month in which the loan ended."""
    return state.principal_minor if state.status is Status.ACTIVE else state.start_principal_minor


def candidates_due_by(indicator: str, as_of: Day, terms: BookTerms) -> Day | None:
    """Return until when the oldest uncovered instalment of a loan in the numerator fell due; None: that says nothing.

    A day too late at most by the moves of the calendar, which only makes more candidates.
    """
    days = {"par30": 30, "par60": 60, "par90": 90, "default_rate": DEFAULT_DPD, "repayment_delay_rate": -1}
    beyond = days.get(indicator)
    return None if beyond is None else as_of - beyond + terms.dpd_offset


def _lies_in(log: SegmentLog, point: Point) -> bool:
    if point.segment == PORTFOLIO:
        return True
    held: tuple[str, ...] = log[0][1] if log else ()
    for day, segments in log:
        if day <= point.as_of:
            held = segments
    return point.segment in held


def _past_due(dpd: int) -> Matter:
    return Matter(f"{dpd} days past due", f"逾期 {dpd} 天")


def _late(days: int) -> Callable[[LoanState, Point], Matter | None]:
    def judge(state: LoanState, point: Point) -> Matter | None:
        if state.status is not Status.ACTIVE:
            return None
        dpd = point.terms.days_past_due(state.oldest_due, point.as_of)
        if state.restructured_until > point.as_of:
            dpd = max(dpd, state.dpd_floor)
        return _past_due(dpd) if dpd > days else None

    return judge


def _missed(state: LoanState, point: Point) -> Matter | None:
    if state.status is not Status.ACTIVE or state.paid_month == point.month or not falls_due(state, point.month):
        return None
    return Matter("due and nothing paid in the month", "本月到期且未还款")


def _delayed(state: LoanState, point: Point) -> Matter | None:
    oldest = state.oldest_due
    if state.status is not Status.ACTIVE or oldest is None or month_of(oldest) > point.month:
        return None
    if not falls_due(state, point.month):
        return None
    return Matter("an instalment of the month is uncovered", "本月有应还款项未足额偿还")


def _charged_off(state: LoanState, point: Point) -> Matter | None:
    if state.status is not Status.CHARGED_OFF or month_of(state.end_day) != point.month:
        return None
    day = format_day(state.end_day)
    return Matter(f"charged off on {day}", f"已于 {day} 核销")


def _defaulted(state: LoanState, point: Point) -> Matter | None:
    if (charged_off := _charged_off(state, point)) is not None:
        return charged_off
    if state.status is not Status.ACTIVE:
        return None
    dpd = point.terms.days_past_due(state.oldest_due, point.as_of)
    at_start = point.terms.days_past_due(state.oldest_due, month_start(point.month) - 1)
    return _past_due(dpd) if dpd > DEFAULT_DPD >= at_start else None


def _slipped(state: ProjectState, point: Point) -> Matter | None:
    latest, before = state.latest, state.before
    if latest is None or before is None or state.month != point.month:
        return None
    days, completion = latest.completion - before.completion, format_day(latest.completion)
    if days < SLIP_DAYS:
        return None
    return Matter(f"completion {days} days later, {completion}", f"预计竣工推迟 {days} 天至 {completion}")


def _behind(state: ProjectState, point: Point) -> Matter | None:
    late = [
        (due, name)
        for name, milestone in state.milestones.items()
        if (due := milestone.approved) is not None and month_of(due) == point.month and is_delayed(milestone)
    ]
    if not late:
        return None
    (due, name), others = min(late), len(late) - 1
    day = format_day(due)
    return Matter(
        f"milestone {name}, due {day}, not achieved in the month" + (f", and {others} more" if others else ""),
        f"里程碑 {name}（应于 {day} 完成）当月未完成" + (f"，另有 {others} 个" if others else ""),
    )


_LOANS: dict[str, Callable[[LoanState, Point], Matter | None]] = {
    "missed_payment_rate": _missed,
    "repayment_delay_rate": _delayed,
    "default_rate": _defaulted,
    "charge_off_rate": _charged_off,
    "par30": _late(30),
    "par60": _late(60),
    "par90": _late(90),
}

_PROJECTS: dict[str, Callable[[ProjectState, Point], Matter | None]] = {
    "project_slip_rate": _slipped,
    "project_delay_rate": _behind,
}

LOAN_INDICATORS, PROJECT_INDICATORS = frozenset(_LOANS), frozenset(_PROJECTS)
"""Indicators in whose numerator loans, or projects, can be named."""
