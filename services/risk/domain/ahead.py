"""What a loan's future is if nothing more happens: its stock and cohort rows, written ahead (own decision on D5).

Steps start from 0 on the day from which they are asked for, so the difference of two futures of one loan, before and
after a fact, is what the fact changes.
"""

from services.risk.domain.book import BookTerms
from services.risk.domain.default_path import cohorts
from services.risk.domain.loan_state import LoanState, Status
from services.risk.domain.outlook import Ahead, Coming, Outlook
from shared.kernel.days import Day

PAR_DAYS = (30, 60, 90)

_PAR = tuple(
    (days, (f"par{days}_loans", f"par{days}"), (f"par{days}_restructured_loans", f"par{days}_restructured"))
    for days in PAR_DAYS
)


def ahead(state: LoanState, day: Day) -> Ahead | None:
    """Return the future from a day on of a state that was rolled to that day's month; None unless it is active."""
    if state.status is not Status.ACTIVE:
        return None
    until = state.restructured_until
    held, floor = (until, state.dpd_floor) if until > day else (0, 0)
    outlook = Outlook(day, state.month, state.oldest_due, state.standing, state.streak, held, floor)
    return Ahead(outlook, state.principal_minor, state.start_principal_minor)


def coming(outlook: Outlook, terms: BookTerms) -> list[Coming]:
    """Return what happens to each loan of an outlook, nothing of it before the outlook's day."""
    day, oldest_due = outlook.day, outlook.oldest_due
    found = [Coming(("loans", "exposure"), day)]
    if outlook.restructured_until:
        found += _held_par(outlook, terms)
    elif oldest_due is not None:
        on_time = terms.first_day_beyond(oldest_due, 0)
        found += [Coming(measures, max(day, on_time + days)) for days, measures, _ in _PAR]
    return found + cohorts(outlook, terms)


def _held_par(outlook: Outlook, terms: BookTerms) -> list[Coming]:
    """Return PAR in the twelve months after a restructuring: at no less than the DPD before it, and as a part."""
    day, until, floor = outlook.day, outlook.restructured_until, outlook.dpd_floor
    found = []
    for days, measures, part in _PAR:
        late_from = None
        if outlook.oldest_due is not None:
            late_from = max(day, terms.first_day_beyond(outlook.oldest_due, days))
        since = day if floor > days else late_from
        if since is None:
            continue
        spans = [(since, 1)]
        if floor > days and (late_from is None or late_from > until):
            spans.append((until, -1))
            if late_from is not None:
                spans.append((late_from, 1))
        found += [Coming(measures, start, sign) for start, sign in spans]
        if since < until:
            found += [Coming(part, since), Coming(part, until, -1)]
    return found
