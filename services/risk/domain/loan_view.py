"""One loan as people read it: where it stands at the close of a day."""

from datetime import date

import msgspec

from services.risk.domain.book import BookTerms
from services.risk.domain.default_path import rolled
from services.risk.domain.loan_state import LoanState, Standing, Status
from shared.kernel.days import Day, date_of


class InstalmentView(msgspec.Struct, frozen=True, kw_only=True):
    """One instalment of the schedule in force and what is allocated to it."""

    due: date
    amount_minor: int
    paid_minor: int
    covered: bool


class LoanView(msgspec.Struct, frozen=True, kw_only=True):
    """A loan at the close of a day; amounts in minor units of its currency, dates contractual."""

    as_of: date
    status: Status
    currency: str
    principal_minor: int
    dpd: int
    """Days past due of the oldest uncovered instalment, by the book's calendar and offset."""
    par_dpd: int
    """The same, but in the twelve months after a restructuring no less than before it: what PAR goes by."""
    oldest_due: date | None
    """Due date of the first uncovered instalment if it has passed."""
    arrears_minor: int
    """Due by this day and not paid."""
    paid_minor: int
    next_due: date | None
    maturity: date | None
    restructured: bool
    """In the twelve months after a restructuring."""
    standing: Standing
    """After the month ends up to this day; a loan that is charged off is in default at once."""
    started: date | None
    ended: date | None
    instalments: list[InstalmentView]


def view_of(state: LoanState, terms: BookTerms, as_of: Day) -> LoanView:
    """Return the view of a state whose last fact is not after the day."""
    active = state.status is Status.ACTIVE
    schedule = state.schedule
    due_by_now = schedule.due_through(as_of)
    owed = schedule.amounts[due_by_now - 1] - state.allocated_minor if active and due_by_now else 0
    dpd = terms.days_past_due(state.oldest_due, as_of)
    restructured = active and state.restructured_until > as_of
    late = state.oldest_due is not None and state.oldest_due <= as_of
    return LoanView(
        as_of=date_of(as_of),
        status=state.status,
        currency=state.currency,
        principal_minor=state.principal_minor,
        dpd=dpd,
        par_dpd=max(dpd, state.dpd_floor) if restructured else dpd,
        oldest_due=_date(state.oldest_due if late else None),
        arrears_minor=max(0, owed),
        paid_minor=state.paid_minor,
        next_due=_date(schedule.due_at(due_by_now) if active else None),
        maturity=_date(schedule.dues[-1] if schedule.dues else None),
        restructured=restructured,
        standing=_standing(state, terms, as_of),
        started=_date(state.start_day or None),
        ended=_date(state.end_day or None),
        instalments=_instalments(state),
    )


def _standing(state: LoanState, terms: BookTerms, as_of: Day) -> Standing:
    if state.status is Status.CHARGED_OFF:
        return Standing.DEFAULTED
    return rolled(state, as_of + 1, terms).standing


def _instalments(state: LoanState) -> list[InstalmentView]:
    result, before = [], 0
    for index, (due, through) in enumerate(zip(state.schedule.dues, state.schedule.amounts, strict=True)):
        amount = through - before
        covered = state.status is Status.CLOSED or index < state.covered
        paid = min(amount, max(0, state.allocated_minor - before))
        result.append(InstalmentView(due=date_of(due), amount_minor=amount, paid_minor=paid, covered=covered))
        before = through
    return result


def _date(day: Day | None) -> date | None:
    return None if day is None else date_of(day)
