"""What came of a book's alerts here, counted (R12)."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.notify.api.edge import Front
from services.notify.store.completeness import notified_of
from shared.runtime.edge import NAME_PATTERN, READS
from shared.security.rights import requires


class NotifiedTold(BaseModel):
    """A book's alerts as they were told."""

    book: str
    revisions: int = Field(description="Revisions of its alerts that came")
    notices: dict[str, int] = Field(description="By state: waiting, held, told, dropped")
    messages: dict[str, int] = Field(description="By state: waiting, sending, sent, unknown, failed")


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/reconciliation`."""

    @router.get(
        "/reconciliation",
        tags=["operations"],
        dependencies=[requires("reconciliation:read")],
        responses=READS,
    )
    async def get_notified(
        book: Annotated[str, Query(pattern=NAME_PATTERN, description="Id of the book")],
    ) -> NotifiedTold:
        """Count what came of a book's alerts: notices and messages by state; one message may tell several."""
        async with front.database.read() as tx:
            found = await notified_of(tx, book)
        return NotifiedTold(book=book, **found._asdict())
