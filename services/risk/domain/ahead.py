"""What a loan's future is if nothing more happens: its stock and cohort rows, written ahead (own decision on D5).

Steps start from 0 on the day from which they are asked for, so the difference of two futures of one loan, before and
after a fact, is what the fact changes.
"""

from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Rows
from services.risk.domain.default_path import add_cohorts
from services.risk.domain.loan_state import LoanState, Status
from shared.kernel.days import Day

PAR_DAYS = (30, 60, 90)

_PAR = tuple(
    (days, f"par{days}", f"par{days}_loans", f"par{days}_restructured", f"par{days}_restructured_loans")
    for days in PAR_DAYS
)


def ahead(state: LoanState, day: Day, terms: BookTerms) -> Rows:
    """Return the rows from a day on of a state that was rolled to that day's month; none unless it is active."""
    if state.status is not Status.ACTIVE:
        return {}
    rows: Rows = {("loans", day): 1, ("exposure", day): state.principal_minor}
    if state.restructured_until > day:
        _add_held_par(rows, state, day, terms)
    elif state.oldest_due is not None:
        principal = state.principal_minor
        on_time = terms.first_day_beyond(state.oldest_due, 0)
        for days, amount, loans, _, _ in _PAR:
            since = max(day, on_time + days)
            rows[amount, since] = principal
            rows[loans, since] = 1
    add_cohorts(rows, state, terms)
    return rows


def _add_held_par(rows: Rows, state: LoanState, day: Day, terms: BookTerms) -> None:
    """Add PAR of a loan in the twelve months after a restructuring: at no less than its DPD before, and as a part."""
    until, principal = state.restructured_until, state.principal_minor
    for days, amount, loans, part, part_loans in _PAR:
        late_from = None
        if state.oldest_due is not None:
            late_from = max(day, terms.first_day_beyond(state.oldest_due, days))
        since = day if state.dpd_floor > days else late_from
        if since is None:
            continue
        spans = [(since, 1)]
        if state.dpd_floor > days and (late_from is None or late_from > until):
            spans.append((until, -1))
            if late_from is not None:
                spans.append((late_from, 1))
        for start, sign in spans:
            _count(rows, (amount, start), sign * principal)
            _count(rows, (loans, start), sign)
        if since < until:
            for start, sign in ((since, 1), (until, -1)):
                _count(rows, (part, start), sign * principal)
                _count(rows, (part_loans, start), sign)


def _count(rows: Rows, key: tuple[str, Day], value: int) -> None:
    rows[key] = rows.get(key, 0) + value
