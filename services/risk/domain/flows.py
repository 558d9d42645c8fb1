"""Month flows of a loan: instalments due and uncovered, months with a due date and without a payment."""

from bisect import bisect_left

from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Rows
from services.risk.domain.loan_state import LoanState, Status
from shared.kernel.days import Day, Month, month_end, month_of, month_start


def settled_by(due: Day, terms: BookTerms) -> Day:
    """Return the close at which an instalment is judged: its month's last, or that of its moved date if later."""
    return max(month_end(month_of(due)), terms.moved(due))


def count_instalments(rows: Rows, state: LoanState, since: Day, day: Day, terms: BookTerms, sign: int = 1) -> None:
    """Add all instalments due from `since` on that a fact of `day` can still change (or take them off)."""
    dues = state.schedule.dues
    first = _first_open(state, since, day, terms)
    last = len(dues) if state.status is Status.ACTIVE else state.schedule.due_through(state.end_day)
    uncovered_from = last if state.status is Status.CLOSED else state.covered
    get = rows.get
    for index in range(first, last):
        key = ("instalments_due", dues[index])
        rows[key] = get(key, 0) + sign
        if index >= uncovered_from:
            key = ("instalments_uncovered", dues[index])
            rows[key] = get(key, 0) + sign


def _first_open(state: LoanState, since: Day, day: Day, terms: BookTerms) -> int:
    dues = state.schedule.dues
    lowest = bisect_left(dues, max(since, state.flows_from))
    first = max(lowest, bisect_left(dues, month_start(month_of(day))))
    while first > lowest and terms.moved(dues[first - 1]) >= day:
        first -= 1
    return first


def count_months(rows: Rows, state: LoanState, sign: int = 1) -> None:
    """Add the state's month and all later ones in which an instalment falls due (or take them off)."""
    dues = state.schedule.dues
    first = bisect_left(dues, max(state.flows_from, month_start(state.month)))
    last = len(dues) if state.status is Status.ACTIVE else state.schedule.due_through(state.end_day)
    months = set(map(month_of, dues[first:last]))
    if state.replaced_month == state.month:
        months.add(state.month)
    for month in months:
        end = month_end(month)
        _count(rows, ("due_loans", end), sign)
        if month != state.paid_month:
            _count(rows, ("missed_loans", end), sign)
            if paid_ahead(state, month):
                _count(rows, ("missed_loans_paid_ahead", end), sign)


def _count(rows: Rows, key: tuple[str, Day], value: int) -> None:
    rows[key] = rows.get(key, 0) + value


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


def count_paid(rows: Rows, before: LoanState, after: LoanState, day: Day, terms: BookTerms) -> None:
    """Add what a repayment changes, without visiting more than the instalments that it covers."""
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
            _count(rows, ("instalments_uncovered", due), -1)
        if due > close and (index + 1 == len(dues) or month_of(dues[index + 1]) != month_of(due)):
            rows["missed_loans_paid_ahead", month_end(month_of(due))] = 1
