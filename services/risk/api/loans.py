"""One loan: where it stands, its instalments, its facts."""

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel

from services.risk.api.edge import AsOf, BookQuery, Front, KnownAt, book_of
from services.risk.api.subjects import (
    AnomalyShown,
    FactShown,
    LoanShown,
    SubjectId,
    amount,
    anomalies_shown,
    facts_shown,
    loan_shown,
    then_of,
)
from services.risk.domain.loan import LoanView
from services.risk.handlers.read_subjects import anomalies_of, see_loan
from services.risk.store import subjects
from shared.kernel.days import date_of
from shared.runtime.edge import READS_ONE, missing
from shared.security.rights import requires


class InstalmentShown(BaseModel):
    """One instalment of the schedule in force, and what of it is paid."""

    due: date
    amount: str
    paid: str
    covered: bool


class LoanTold(LoanShown):
    """A loan in full."""

    book: str
    client: str
    as_of: date
    attributes: dict[str, str]
    degraded: bool
    instalments: list[InstalmentShown]
    facts: list[FactShown]
    anomalies: list[AnomalyShown]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/loans`."""

    @router.get("/loans/{id:path}", tags=["subjects"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_loan(loan: SubjectId, book: BookQuery, as_of: AsOf = None, known_at: KnownAt = None) -> LoanTold:
        """Show a loan as at the close of a day, from the facts that were known at a moment."""
        async with front.database.read() as tx:
            terms = (await book_of(tx, book)).terms
            seen = await see_loan(tx, terms, loan, then_of(as_of, known_at))
            if seen is None:
                raise missing("loan", loan)
            client = await subjects.client_row(tx, book, seen.client)
            odd = await anomalies_of(tx, "loan", book, loan)
        view = seen.view
        assert isinstance(view, LoanView)
        instalments = [
            InstalmentShown(
                due=one.due,
                amount=amount(one.amount_minor, view.currency),
                paid=amount(one.paid_minor, view.currency),
                covered=one.covered,
            )
            for one in view.instalments
        ]
        return LoanTold(
            **loan_shown(seen).model_dump(),
            book=book,
            client=seen.client,
            as_of=date_of(seen.as_of),
            attributes=seen.attributes,
            degraded=client is not None and client.degraded,
            instalments=instalments,
            facts=facts_shown(seen.told),
            anomalies=anomalies_shown(odd),
        )
