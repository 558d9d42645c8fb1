"""One client: attributes over time, days past due over its loans, its projects."""

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.risk.api.edge import AsOf, BookQuery, Front, KnownAt, book_of
from services.risk.api.projects import ProjectShown, project_shown
from services.risk.api.subjects import LoanShown, SubjectId, loan_shown, then_of
from services.risk.handlers.read_subjects import see_client
from shared.kernel.days import date_of
from shared.runtime.edge import READS_ONE, missing
from shared.security.rights import requires


class MoveShown(BaseModel):
    """The client's attributes from a day on."""

    day: date
    attributes: dict[str, str]


class ClientTold(BaseModel):
    """A client at the close of a day; at most 500 loans and 500 projects."""

    book: str
    client: str
    as_of: date
    kind: str
    alias_of: str | None = Field(description="The client that this one turned out to be")
    aliases: list[str]
    attributes: dict[str, str]
    moves: list[MoveShown]
    dpd: int = Field(description="The most days past due of its loans")
    degraded: bool = Field(description="A message about the client could not be digested: figures may lack it")
    loans: list[LoanShown]
    projects: list[ProjectShown]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/clients`."""

    @router.get("/clients/{id:path}", tags=["subjects"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_client(
        client: SubjectId, book: BookQuery, as_of: AsOf = None, known_at: KnownAt = None
    ) -> ClientTold:
        """Show a client as at the close of a day, from the facts that were known at a moment."""
        async with front.database.read() as tx:
            terms = (await book_of(tx, book)).terms
            seen = await see_client(tx, terms, client, then_of(as_of, known_at))
        if seen is None:
            raise missing("client", client)
        loans = [loan_shown(one) for one in seen.loans]
        return ClientTold(
            book=book,
            client=client,
            as_of=date_of(seen.as_of),
            kind=seen.history.form,
            alias_of=seen.history.alias_of or None,
            aliases=seen.aliases,
            attributes=seen.attributes,
            moves=[MoveShown(day=date_of(move.day), attributes=move.attributes) for move in seen.history.moves],
            dpd=max((loan.dpd for loan in loans), default=0),
            degraded=seen.degraded,
            loans=loans,
            projects=[project_shown(one) for one in seen.projects],
        )
