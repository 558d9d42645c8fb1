"""Remarks on alerts, loans and projects: leave, list."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.feedback.api.edge import ID_PATTERN, AnyBook, Front
from services.feedback.api.verdicts import unknown_alert
from services.feedback.domain.texts import TEXT_LENGTH_MAX
from services.feedback.handlers.remarks import About, Author, Kind, leave_remark
from services.feedback.store import alerts, books, remarks
from services.feedback.store.remarks import RemarkRow, Wanted
from shared.db.port import Tx
from shared.problem import answers
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
    TEXT_PATTERN,
    Answer,
    CursorText,
    IdempotencyKey,
    Limit,
    cursor_at,
    missing,
    moment_place,
    once,
    page_of,
)
from shared.security.rights import requires

Role = Literal["staff", "client"]


class Remark(BaseModel):
    """What somebody of the lender notes about an alert, a loan or a project."""

    model_config = ConfigDict(extra="forbid")

    book: str = Field(pattern=NAME_PATTERN, examples=["auto"])
    kind: Kind = Field(description="What it is about", examples=["loan"])
    subject: str = Field(pattern=ID_PATTERN, description="Id of the alert, loan or project", examples=["L-4711"])
    by: str = Field(pattern=NAME_PATTERN, description="Id of the person, no name", examples=["officer-7"])
    text: str = Field(
        min_length=1, max_length=TEXT_LENGTH_MAX, pattern=TEXT_PATTERN, examples=["Pays again from next month on."]
    )


class RemarkShown(BaseModel):
    """A remark with its author and time."""

    remark: str
    book: str
    kind: Kind
    subject: str
    author: Role
    by: str = Field(description="Id of the person or client")
    survey: str | None = Field(description="Survey on whose page a client wrote it")
    text: str
    at: datetime


class RemarkPage(BaseModel):
    """Remarks in the order in which they were written."""

    items: list[RemarkShown]
    next: str | None = None


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/remarks`."""
    _add_list(router, front)
    _add_leave(router, front)


def _add_list(router: APIRouter, front: Front) -> None:
    @router.get("/remarks", tags=["remarks"], dependencies=[requires("feedback:read")], responses=READS)
    async def list_remarks(
        book: AnyBook = None,
        kind: Annotated[Kind | None, Query(description="Only on alerts, loans or projects")] = None,
        subject: Annotated[
            str | None, Query(pattern=ID_PATTERN, description="Id of the alert, loan or project")
        ] = None,
        author: Annotated[Role | None, Query(description="Only by staff or by clients")] = None,
        by: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> RemarkPage:
        """List remarks, oldest first."""
        wanted = Wanted(book, kind, subject, author, by)
        async with front.database.read() as tx:
            found = await remarks.find_remarks(tx, wanted, moment_place(cursor), limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_at(last.at, last.id))
        return RemarkPage(items=[_shown(row) for row in page], next=following)


def _add_leave(router: APIRouter, front: Front) -> None:
    @router.post(
        "/remarks",
        tags=["remarks"],
        status_code=201,
        dependencies=[requires("feedback:write")],
        response_model=RemarkShown,
        responses={
            **answers(400, 401, 403, 404, 409, 422, 503),
            200: {"description": "The same was noted today already", "model": RemarkShown},
        },
    )
    async def post_remark(
        request: Request, body: Annotated[Remark, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Note something about an alert, a loan or a project. The book must be known, and the alert; loans and projects
        are not looked up, because they live elsewhere."""

        async def work(tx: Tx) -> Answer:
            await _check_known(tx, body)
            about = About(body.book, body.kind, body.subject)
            left = await leave_remark(tx, about, Author("staff", body.by), body.text)
            return Answer(200 if left.repeated else 201, _shown(left.remark), {})

        return await once(request, front.store, idempotency_key, body.model_dump_json().encode(), work)


async def _check_known(tx: Tx, body: Remark) -> None:
    """Refuse a remark on what is not there, as far as feedback can know."""
    if await books.open_day(tx, body.book) is None:
        raise missing("book", body.book)
    if body.kind == "alert":
        alert = await alerts.alert_with_id(tx, body.subject)
        if alert is None or alert.book != body.book:
            raise unknown_alert(body.subject)


def _shown(row: RemarkRow) -> RemarkShown:
    fields = row._asdict()
    return RemarkShown(remark=fields.pop("id"), **{**fields, "survey": row.survey or None})
