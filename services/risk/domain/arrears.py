"""Spells of arrears: a loan is past due at one close after the other, until a repayment cures it or something else ends
it (`tocsin.loan.arrears_cured`).
"""

from services.risk.domain.book import BookTerms
from services.risk.domain.loan_facts import LoanFact, LoanKind
from services.risk.domain.loan_state import Cure, LoanState, Status
from shared.kernel.days import Day


def follow_arrears(before: LoanState, after: LoanState, fact: LoanFact, terms: BookTerms) -> None:
    """Carry a loan's spell of arrears over a fact, on the state after it.

    A spell begins on the first day at whose close an instalment is past due. It is cured by a repayment on a later day
    after which nothing is past due on that day any more. A restructuring, a closure, a charge-off or leaving the book
    ends it uncured: nobody paid what was late. Days past due are those of the oldest uncovered instalment, without the
    floor that a restructuring sets for PAR.
    """
    day = fact.day
    opening = after.opening_due = before.oldest_due if day > before.last_order[0] else before.opening_due
    since = before.late_since
    if not since and day > before.last_order[0] and _is_late(opening, day - 1, terms):
        # So many days past due: the first of them is so many days ago.
        since = day - terms.days_past_due(opening, day - 1)
    if after.status is Status.ACTIVE and _is_late(after.oldest_due, day, terms):
        after.late_since = since or day
        return
    after.late_since = 0
    if fact.kind is LoanKind.REPAID and after.status is Status.ACTIVE and 0 < since < day:
        after.cured = Cure(since, day, terms.days_past_due(opening, day - 1), fact.known_at_us)


def _is_late(oldest_due: Day | None, day: Day, terms: BookTerms) -> bool:
    # Most loans have nothing open before the day: no need to ask the calendar.
    return oldest_due is not None and oldest_due <= day and terms.days_past_due(oldest_due, day) > 0
