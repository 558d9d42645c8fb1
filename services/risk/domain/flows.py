"""Month flows of a loan: instalments due and uncovered, months with a due date and without a payment."""

from bisect import bisect_left

from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Rows
from services.risk.domain.loan_state import LoanState, Status
from shared.kernel.days import Day, Month, month_end, month_of, month_start


def settled_by(due: Day, terms: BookTerms) -> Day:
    """Return the close at which an instalment is judged: its month's last, or that of its moved date if later."""
    return max(month_end(month_of(due)), terms.moved(due))


def instalment_rows(state: LoanState, since: Day, day: Day, terms: BookTerms) -> Rows:
    """Return rows of all instalments due from `since` on that a fact of `day` can still change."""
    rows: Rows = {}
    dues = state.schedule.dues
    first = _first_open(state, since, day, terms)
    last = len(dues) if state.status is Status.ACTIVE else state.schedule.due_through(state.end_day)
    paid_off = state.status is Status.CLOSED
    for index in range(first, last):
        due = dues[index]
        rows["instalments_due", due] = rows.get(("instalments_due", due), 0) + 1
        if index >= state.covered and not paid_off:
            rows["instalments_uncovered", due] = rows.get(("instalments_uncovered", due), 0) + 1
    return rows


def _first_open(state: LoanState, since: Day, day: Day, terms: BookTerms) -> int:
    dues = state.schedule.dues
    lowest = bisect_left(dues, max(since, state.flows_from))
    first = max(lowest, bisect_left(dues, month_start(month_of(day))))
    while first > lowest and terms.moved(dues[first - 1]) >= day:
        first -= 1
    return first


def month_rows(state: LoanState) -> Rows:
    """Return rows of the state's month and all later ones in which an instalment falls due."""
    rows: Rows = {}
    dues = state.schedule.dues
    first = bisect_left(dues, max(state.flows_from, month_start(state.month)))
    last = len(dues) if state.status is Status.ACTIVE else state.schedule.due_through(state.end_day)
    months = dict.fromkeys(month_of(due) for due in dues[first:last])
    if state.replaced_month == state.month:
        months[state.month] = None
    for month in months:
        end = month_end(month)
        rows["due_loans", end] = 1
        if month != state.paid_month:
            rows["missed_loans", end] = 1
            if paid_ahead(state, month):
                rows["missed_loans_paid_ahead", end] = 1
    return rows


def falls_due(state: LoanState, month: Month, by: Day | None = None) -> bool:
    """Tell whether an active loan has a due date in a month; `by` a day of it, when given."""
    if state.replaced_month == month:
        return True
    dues = state.schedule.dues
    first = bisect_left(dues, max(state.flows_from, month_start(month)))
    return first < len(dues) and dues[first] <= (month_end(month) if by is None else by)


def paid_ahead(state: LoanState, month: Month) -> bool:
    """Tell whether nothing is uncovered at the close of a month."""
    if state.status is Status.CLOSED:
        return True
    close = month_end(month)
    if state.status is not Status.ACTIVE:
        close = min(close, state.end_day)
    if state.schedule.due_through(close) > state.covered:
        return False
    return state.replaced_month != month or state.replaced_covered


def paid_rows(before: LoanState, after: LoanState, day: Day, terms: BookTerms) -> Rows:
    """Return what a repayment changes, without visiting more than the instalments that it covers."""
    rows: Rows = {}
    month = before.month
    close = month_end(month)
    if before.paid_month != month and falls_due(before, month):
        rows["missed_loans", close] = -1
        if paid_ahead(before, month):
            rows["missed_loans_paid_ahead", close] = -1
    dues = after.schedule.dues
    for index in range(before.covered, after.covered):
        due = dues[index]
        if due < after.flows_from:
            continue
        if due >= day or settled_by(due, terms) >= day:
            rows["instalments_uncovered", due] = rows.get(("instalments_uncovered", due), 0) - 1
        if due > close and (index + 1 == len(dues) or month_of(dues[index + 1]) != month_of(due)):
            rows["missed_loans_paid_ahead", month_end(month_of(due))] = 1
    return rows
