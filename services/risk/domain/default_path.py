"""The default machine: performing, in default after a month end beyond 90 DPD, performing again after three at 0.

Between two payments nothing but time moves a loan, so its way over the coming month ends is computed, not walked.
"""

from copy import copy

from services.risk.domain.book import BookTerms
from services.risk.domain.loan_state import LoanState, Standing, Status
from services.risk.domain.outlook import Coming, Outlook
from shared.kernel.days import Day, Month, month_end, month_of, month_start

DEFAULT_DPD = 90
CURE_MONTH_ENDS = 3

_AT_START = ("active_at_start", "active_at_start_principal")
_PERFORMING = ("performing", "performing_principal")
_DEFAULTED = ("defaulted", "defaulted_principal")


def rolled(state: LoanState, day: Day, terms: BookTerms) -> LoanState:
    """Return the state as it stands at the start of the day's month (itself, or a copy); the day is not before its last
    fact.
    """
    month = month_of(day)
    if state.status is not Status.ACTIVE or month <= state.month:
        return state
    after = copy(state)
    standing, streak = state.standing, state.streak
    from_month, late_from = state.month, terms.late_from(state.oldest_due)
    if standing is Standing.DEFAULTED:
        good = min(_month_ends_at_zero(late_from, from_month), month - from_month)
        missing = CURE_MONTH_ENDS - streak
        if good >= missing:
            standing, streak = Standing.PERFORMING, 0
            from_month += missing
        else:
            streak = streak + good if good == month - from_month else 0
    if standing is not Standing.DEFAULTED:
        defaulted = _default_month(late_from, from_month)
        standing = Standing.DEFAULTED if defaulted is not None and defaulted < month else Standing.PERFORMING
    after.standing, after.streak, after.month = standing, streak, month
    after.start_principal_minor = state.principal_minor
    return after


def cohorts(outlook: Outlook, late_from: Day | None) -> list[Coming]:
    """Return what an active loan will be in the coming months' cohorts, and its default, if nothing more happens.

    `late_from`: the first day at whose close it will be past due.
    """
    month = outlook.month
    coming = [Coming(_AT_START, month_start(month + 1))]
    if outlook.standing is Standing.DEFAULTED:
        missing = CURE_MONTH_ENDS - outlook.streak
        if _month_ends_at_zero(late_from, month) < missing:
            return coming
        month += missing
        return coming + _performing(month, _default_month(late_from, month))
    defaulted = _default_month(late_from, month)
    if defaulted != month:
        return coming + _performing(month + 1, defaulted)
    if outlook.standing is Standing.PERFORMING:
        coming.append(Coming(_DEFAULTED, month_end(month), of_start=True))
    return coming


def _performing(month: Month, defaulted: Month | None) -> list[Coming]:
    """Return a loan that performs at the start of a month, until it defaults at the end of another or for ever."""
    coming = [Coming(_PERFORMING, month_start(month))]
    if defaulted is not None:
        coming.append(Coming(_DEFAULTED, month_end(defaulted)))
        coming.append(Coming(_PERFORMING, month_start(defaulted + 1), -1))
    return coming


def _default_month(late_from: Day | None, month: Month) -> Month | None:
    """Return the first month from `month` on at whose last close the DPD exceeds 90."""
    return None if late_from is None else max(month, month_of(late_from + DEFAULT_DPD))


def _month_ends_at_zero(late_from: Day | None, month: Month) -> int:
    """Return how many month ends from a month on have DPD 0; at least as many as a cure needs if all have."""
    return CURE_MONTH_ENDS * 10_000 if late_from is None else max(0, month_of(late_from) - month)
