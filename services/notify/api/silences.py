"""Silences: what nobody wants to hear of until a time, with a comment and who said so."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.notify.api.edge import Front, HashId
from services.notify.domain.silences import Silence, SilenceMatch
from services.notify.handlers.silencing import end_silence, start_silence
from services.notify.store import silences
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
    invalid,
    missing,
    moment_place,
    once,
    page_of,
)
from shared.security.rights import requires


class SilenceAsked(BaseModel):
    """A silence to begin."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "match": {"books": ["auto"], "segments": ["region=TX"]},
                    "ends_at": "2030-01-31T18:00:00Z",
                    "author": "anna",
                    "comment": "Floods: payments come late, agreed with the branch",
                }
            ]
        },
    )

    match: SilenceMatch
    ends_at: AwareDatetime = Field(description="RFC 3339 time at which it is over")
    starts_at: AwareDatetime | None = Field(default=None, description="Absent: now")
    author: str = Field(pattern=NAME_PATTERN, description="Id of the person, no name")
    comment: str = Field(min_length=1, max_length=1_000, pattern=TEXT_PATTERN, description="Why")


class SilenceShown(BaseModel):
    """A silence as kept."""

    id: str
    match: SilenceMatch
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    ended_by: str = Field(description="Who ended it before its time; empty: nobody")


class SilencePage(BaseModel):
    """Silences, by when they end."""

    items: list[SilenceShown]
    next: str | None = None


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/silences`."""

    @router.get("/silences", tags=["silences"], dependencies=[requires("people:read")], responses=READS)
    async def list_silences(
        over: Annotated[bool, Query(description="Those that are over, too")] = False,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> SilencePage:
        """List silences that hold or will, by when they end."""
        after = moment_place(cursor)
        async with front.database.read() as tx:
            ending_after = None if over else tx.now
            found = await silences.silences_after(tx, after, limit + 1, ending_after)
        page, following = page_of(found, limit, lambda last: cursor_at(last.ends_at, last.id))
        return SilencePage(items=[_shown(one) for one in page], next=following)

    @router.post(
        "/silences",
        tags=["silences"],
        status_code=201,
        dependencies=[requires("people:write")],
        response_model=SilenceShown,
        responses=answers(400, 401, 403, 409, 422, 503),
    )
    async def post_silence(
        request: Request, body: Annotated[SilenceAsked, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Begin a silence. What it keeps from people is listed under `/held`; endings of alerts are told anyway."""

        async def work(tx: Tx) -> Answer:
            silence = await start_silence(
                tx, body.match, (body.starts_at or tx.now, body.ends_at), body.author, body.comment
            )
            if silence is None:
                raise invalid("/ends_at", "must be later than now and than starts_at")
            return Answer(201, _shown(silence), {})

        return await once(request, front.store, idempotency_key, body.model_dump_json().encode(), work)

    @router.delete(
        "/silences/{id}",
        tags=["silences"],
        dependencies=[requires("people:write")],
        response_model=SilenceShown,
        responses=answers(400, 401, 403, 404, 409, 422, 503),
    )
    async def delete_silence(
        request: Request,
        silence: HashId,
        by: Annotated[str, Query(pattern=NAME_PATTERN, description="Id of the person who ends it")],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """End a silence now; it stays to be read. One that is over stays as it is."""

        async def work(tx: Tx) -> Answer:
            ended = await end_silence(tx, silence, by)
            if ended is None:
                raise missing("silence", silence)
            return Answer(200, _shown(ended), {})

        return await once(request, front.store, idempotency_key, by.encode(), work)


def _shown(silence: Silence) -> SilenceShown:
    return SilenceShown(**silence._asdict())
