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
    day, late_from = outlook.day, terms.late_from(outlook.oldest_due)
    found = [Coming(("loans", "exposure"), day)]
    if outlook.restructured_until:
        found += _held_par(outlook, late_from)
    elif late_from is not None:
        found += [Coming(measures, max(day, late_from + days)) for days, measures, _ in _PAR]
    return found + cohorts(outlook, late_from)


def _held_par(outlook: Outlook, late_from: Day | None) -> list[Coming]:
    """Return PAR in the twelve months after a restructuring: at no less than the DPD before it, and as a part."""
    day, until, floor = outlook.day, outlook.restructured_until, outlook.dpd_floor
    found = []
    for days, measures, part in _PAR:
        beyond = None if late_from is None else max(day, late_from + days)
        since = day if floor > days else beyond
        if since is None:
            continue
        spans = [(since, 1)]
        if floor > days and (beyond is None or beyond > until):
            spans.append((until, -1))
            if beyond is not None:
                spans.append((beyond, 1))
        found += [Coming(measures, start, sign) for start, sign in spans]
        if since < until:
            found += [Coming(part, since), Coming(part, until, -1)]
    return found
