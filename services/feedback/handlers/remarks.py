"""Leaving a remark on an alert, a loan or a project."""

from typing import Literal, NamedTuple

from services.feedback import metrics
from services.feedback.store import remarks
from services.feedback.store.remarks import RemarkRow
from shared.db.port import Tx
from shared.kernel.ids import hashed_id

Kind = Literal["alert", "loan", "project"]


class About(NamedTuple):
    """What a remark is about."""

    book: str
    kind: Kind
    subject: str


class Author(NamedTuple):
    """Who wrote it: somebody of the lender, or a client on the page of a survey."""

    role: Literal["staff", "client"]
    by: str
    survey: str = ""


class Left(NamedTuple):
    """A remark as kept, and whether it had been left before."""

    remark: RemarkRow
    repeated: bool


async def leave_remark(tx: Tx, about: About, author: Author, text: str) -> Left:
    """Keep a remark; the same words about the same by the same person on one day are one remark."""
    day = tx.now.date()
    row = RemarkRow(
        hashed_id("remark", *about, author.role, author.by, author.survey, day, text),
        *about,
        author.role,
        author.by,
        author.survey,
        text,
        tx.now,
    )
    if await remarks.add_remark(tx, row):
        metrics.REMARKS.labels(about.kind).inc()
        return Left(row, repeated=False)
    kept = await remarks.remark_with_id(tx, row.id)
    assert kept is not None, "remarks are never deleted"
    return Left(kept, repeated=True)
