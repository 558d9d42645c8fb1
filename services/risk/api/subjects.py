"""What replies about loans, projects and clients share."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from services.risk.api.edge import ID_PATTERN, day_asked, known_at_us
from services.risk.domain.loan import LoanView
from services.risk.domain.moments import moment_of
from services.risk.handlers.read_subjects import Seen, Then
from services.risk.handlers.translate import Told
from shared.kernel.days import Day, date_of
from shared.kernel.money import CURRENCY_DIGITS, format_amount

FACTS_SHOWN = 1_000
SubjectId = Annotated[str, Path(alias="id", pattern=ID_PATTERN, description="Id in the lender's own system")]


class FactShown(BaseModel):
    """A fact of the ledger."""

    fact: str = Field(description="Event id")
    type: str
    value_date: date
    known_at: datetime
    target: str | None = Field(description="Event id of the fact that it reverses or corrects")


class AnomalyShown(BaseModel):
    """A fact that contradicts what else is known."""

    fact: str
    reason: str
    value_date: date | None


class LoanShown(BaseModel):
    """A loan at the close of a day; amounts are decimal strings in its currency."""

    loan: str
    status: str
    currency: str | None
    principal: str
    dpd: int = Field(description="Days past due of the oldest uncovered instalment, by the book's calendar")
    par_dpd: int = Field(description="What PAR goes by: for 12 months no less than before a restructuring")
    oldest_due: date | None
    arrears: str
    paid: str
    next_due: date | None
    maturity: date | None
    restructured: bool
    standing: str
    started: date | None
    ended: date | None


def then_of(as_of: date | None, known_at: datetime | None) -> Then:
    """Return the view that is asked for."""
    return Then(None if as_of is None else day_asked(as_of), known_at_us(known_at))


def amount(minor: int | None, currency: str) -> str:
    """Return an amount as a decimal string; of a currency not known yet as it is."""
    return format_amount(minor or 0, currency) if currency in CURRENCY_DIGITS else str(minor or 0)


def loan_shown(seen: Seen) -> LoanShown:
    """Return a loan."""
    view = seen.view
    assert isinstance(view, LoanView)
    return LoanShown(
        loan=seen.name,
        status=view.status.value,
        currency=view.currency or None,
        principal=amount(view.principal_minor, view.currency),
        dpd=view.dpd,
        par_dpd=view.par_dpd,
        oldest_due=view.oldest_due,
        arrears=amount(view.arrears_minor, view.currency),
        paid=amount(view.paid_minor, view.currency),
        next_due=view.next_due,
        maturity=view.maturity,
        restructured=view.restructured,
        standing=view.standing.value,
        started=view.started,
        ended=view.ended,
    )


def facts_shown(told: list[Told]) -> list[FactShown]:
    """Return the latest facts, oldest first."""
    return [
        FactShown(
            fact=one.event_id,
            type=one.type,
            value_date=one.message.value_date,
            known_at=moment_of(one.known_at_us),
            target=one.target or None,
        )
        for one in told[-FACTS_SHOWN:]
    ]


def anomalies_shown(found: list[tuple[str, str, Day]]) -> list[AnomalyShown]:
    """Return anomalies."""
    return [
        AnomalyShown(fact=fact, reason=reason, value_date=date_of(day) if day else None) for fact, reason, day in found
    ]
