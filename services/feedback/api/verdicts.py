"""Verdicts on alerts: give, list."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.feedback.api.edge import HASH_PATTERN, AlertPath, AnyBook, Front
from services.feedback.domain.texts import COMMENT_LENGTH_MAX
from services.feedback.domain.verdict import Outcome, Said, Word
from services.feedback.handlers.verdicts import give_verdict
from services.feedback.store import alerts
from services.feedback.store.alerts import VerdictRow, Wanted
from shared.db.port import Tx
from shared.problem import Problem, answers
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
    TEXT_PATTERN,
    Answer,
    CursorText,
    IdempotencyKey,
    Limit,
    cursor_at,
    moment_place,
    once,
    page_of,
)
from shared.security.rights import requires

Decision = Literal["accepted", "repeated", "superseded", "unknown"]


class Judgement(BaseModel):
    """What somebody says of an alert."""

    model_config = ConfigDict(extra="forbid")

    verdict: Word = Field(description="Was it worth giving?", examples=["true"])
    by: str = Field(pattern=NAME_PATTERN, description="Id of the person, no name", examples=["officer-7"])
    outcome: Outcome = Field(default="", description="What came of it, one word")
    comment: str = Field(default="", max_length=COMMENT_LENGTH_MAX, pattern=TEXT_PATTERN)


class JudgementOf(Judgement):
    """What somebody says of which alert."""

    alert: str = Field(
        pattern=HASH_PATTERN, description="Id of the alert", examples=["5f1c0a9be3a74d2f8f0c6f6b9f3a1d20"]
    )


class VerdictShown(BaseModel):
    """A verdict, and what risk decided on it."""

    request: str = Field(description="Id of the request to risk")
    alert: str
    book: str
    indicator: str
    segment: str
    verdict: Word
    outcome: Outcome
    comment: str
    by: str
    number: int = Field(description="How often this person has judged this alert, this time included")
    via: Literal["page", "api"]
    given_at: datetime
    decision: Decision | None = Field(description="Absent until risk has decided; superseded: the alert was withdrawn")
    decided_at: datetime | None
    alert_state: str = Field(description="State of the alert when risk decided; empty before")


class VerdictPage(BaseModel):
    """Verdicts in the order in which they were given."""

    items: list[VerdictShown]
    next: str | None = None


def verdict_shown(row: VerdictRow, indicator: str, segment: str) -> VerdictShown:
    """Return a verdict as callers read it."""
    fields = row._asdict()
    return VerdictShown(**{**fields, "decision": row.decision or None}, indicator=indicator, segment=segment)


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/verdicts` and `/alerts/{id}/verdicts`."""
    _add_list(router, front)
    _add_give(router, front)


def _add_list(router: APIRouter, front: Front) -> None:
    @router.get("/verdicts", tags=["verdicts"], dependencies=[requires("feedback:read")], responses=READS)
    async def list_verdicts(
        book: AnyBook = None,
        alert: Annotated[str | None, Query(pattern=HASH_PATTERN)] = None,
        by: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
        verdict: Annotated[Word | None, Query()] = None,
        decision: Annotated[Decision | None, Query()] = None,
        indicator: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> VerdictPage:
        """List verdicts, also those that were followed by others of the same person, oldest first."""
        wanted = Wanted(book, alert, by, verdict, decision, indicator)
        async with front.database.read() as tx:
            found = await alerts.find_verdicts(tx, wanted, moment_place(cursor), limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_at(last[0].given_at, last[0].request))
        return VerdictPage(items=[verdict_shown(*one) for one in page], next=following)


def _add_give(router: APIRouter, front: Front) -> None:
    responses = {
        **answers(400, 401, 403, 404, 409, 422, 503),
        200: {"description": "The same was this person's last word already", "model": VerdictShown},
    }

    async def give(request: Request, alert: str, said: Judgement, key: str | None) -> Response:
        async def work(tx: Tx) -> Answer:
            words = Said(said.verdict, said.outcome, said.comment)
            given = await give_verdict(tx, front.desk, alert, said.by, words, "api")
            if given is None:
                raise unknown_alert(alert)
            shown = verdict_shown(given.verdict, given.alert.indicator, given.alert.segment)
            return Answer(200 if given.repeated else 201, shown, {})

        response = await once(request, front.store, key, said.model_dump_json().encode(), work)
        front.relay.ring()
        return response

    @router.post(
        "/alerts/{id}/verdicts",
        tags=["verdicts"],
        status_code=201,
        dependencies=[requires("feedback:write")],
        response_model=VerdictShown,
        responses=responses,
    )
    async def post_verdict_on(
        request: Request,
        alert: AlertPath,
        body: Annotated[Judgement, Body()],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Judge an alert. Kept at once; risk decides whether it counts, and the verdict shows that later. A changed
        mind is a new verdict."""
        return await give(request, alert, body, idempotency_key)

    @router.post(
        "/verdicts",
        tags=["verdicts"],
        status_code=201,
        dependencies=[requires("feedback:write")],
        response_model=VerdictShown,
        responses=responses,
    )
    async def post_verdict(
        request: Request, body: Annotated[JudgementOf, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Judge the alert that the body names."""
        return await give(request, body.alert, body, idempotency_key)


def unknown_alert(alert: str) -> Problem:
    """Return the refusal of what is about an alert that feedback does not know: nothing was stored."""
    detail = (
        f"There is no alert {alert!r}, or it opened a moment ago: feedback knows it within seconds; then try again."
    )
    return Problem("unknown-alert", 404, "No such alert", detail)
