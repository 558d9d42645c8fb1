"""The default machine: performing, in default after a month end beyond 90 DPD, performing again after three at 0.

Between two payments nothing but time moves a loan, so its way over the coming month ends is computed, not walked.
"""

from copy import copy

from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Rows
from services.risk.domain.loan_state import LoanState, Standing, Status
from shared.kernel.days import Day, Month, month_end, month_of, month_start

DEFAULT_DPD = 90
CURE_MONTH_ENDS = 3


def rolled(state: LoanState, day: Day, terms: BookTerms) -> LoanState:
    """Return a copy of the state that stands at the start of the day's month; the day is not before its last fact."""
    after = copy(state)
    month = month_of(day)
    if state.status is not Status.ACTIVE or month <= state.month:
        return after
    standing, streak = state.standing, state.streak
    from_month = state.month
    if standing is Standing.DEFAULTED:
        good = min(_month_ends_at_zero(state, terms), month - from_month)
        missing = CURE_MONTH_ENDS - streak
        if good >= missing:
            standing, streak = Standing.PERFORMING, 0
            from_month += missing
        else:
            streak = streak + good if good == month - from_month else 0
    if standing is not Standing.DEFAULTED:
        defaulted = _default_month(state, from_month, terms)
        standing = Standing.DEFAULTED if defaulted is not None and defaulted < month else Standing.PERFORMING
    after.standing, after.streak, after.month = standing, streak, month
    after.start_principal_minor = state.principal_minor
    return after


def add_cohorts(rows: Rows, state: LoanState, terms: BookTerms) -> None:
    """Add what an active loan will be in the coming months' cohorts, and its default, if nothing more happens."""
    principal = state.principal_minor
    month = state.month
    coming = month_start(month + 1)
    rows["active_at_start", coming] = 1
    rows["active_at_start_principal", coming] = principal
    if state.standing is Standing.DEFAULTED:
        missing = CURE_MONTH_ENDS - state.streak
        if _month_ends_at_zero(state, terms) < missing:
            return
        month += missing
        _add_performing(rows, month, principal, _default_month(state, month, terms))
        return
    defaulted = _default_month(state, month, terms)
    if defaulted != month:
        _add_performing(rows, month + 1, principal, defaulted)
    elif state.standing is Standing.PERFORMING:
        rows["defaulted", month_end(month)] = 1
        rows["defaulted_principal", month_end(month)] = state.start_principal_minor


def _add_performing(rows: Rows, month: Month, principal: int, defaulted: Month | None) -> None:
    """Add a loan that performs at the start of a month, until it defaults at the end of another or for ever."""
    rows["performing", month_start(month)] = 1
    rows["performing_principal", month_start(month)] = principal
    if defaulted is not None:
        rows["defaulted", month_end(defaulted)] = 1
        rows["defaulted_principal", month_end(defaulted)] = principal
        rows["performing", month_start(defaulted + 1)] = -1
        rows["performing_principal", month_start(defaulted + 1)] = -principal


def _default_month(state: LoanState, month: Month, terms: BookTerms) -> Month | None:
    """Return the first month from `month` on at whose last close the DPD exceeds 90."""
    if state.oldest_due is None:
        return None
    return max(month, month_of(terms.first_day_beyond(state.oldest_due, DEFAULT_DPD)))


def _month_ends_at_zero(state: LoanState, terms: BookTerms) -> int:
    """Return how many month ends from the state's month on have DPD 0; at least as many as a cure needs if all have."""
    if state.oldest_due is None:
        return CURE_MONTH_ENDS * 10_000
    late_from = terms.first_day_beyond(state.oldest_due, 0)
    return max(0, month_of(late_from) - state.month)
