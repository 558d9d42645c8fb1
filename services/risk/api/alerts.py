"""Alerts: list, show, acknowledge."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.risk import metrics
from services.risk.api.edge import SEGMENT_PATTERN, AnyBook, AsOf, Front, KnownAt, day_asked, known_at_us
from services.risk.api.shapes import (
    AlertPage,
    AlertShown,
    AlertTold,
    LevelName,
    State,
    VerdictName,
    alert_fields,
    alert_shown,
    revision_shown,
    verdict_shown,
)
from services.risk.evaluation.acknowledging import acknowledge_alert
from services.risk.evaluation.decision import Decided, Decision
from services.risk.evaluation.revisions import decode_kept
from services.risk.handlers.degraded import NOTHING, Degraded, degraded_of
from services.risk.store import alerts, requests
from services.risk.store.alerts import Seen, Wanted
from services.risk.store.requests import VerdictRow
from shared.db.port import Tx
from shared.kernel.days import EARLIEST, Day
from shared.problem import Problem, answers
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
    READS_ONE,
    Answer,
    CursorText,
    IdempotencyKey,
    Limit,
    Name,
    Number,
    cursor_of,
    missing,
    once,
    page_of,
    place_of,
)
from shared.security.rights import requires

AlertId = Annotated[str, Path(alias="id", pattern=r"^[0-9a-f]{32}$", description="Id of the alert")]
_START = (EARLIEST, "")
_VERDICTS_SHOWN = 100


class Acknowledgement(BaseModel):
    """Who has seen an alert."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(pattern=NAME_PATTERN, description="Id of the officer, no name", examples=["officer-7"])
    comment: str = Field(
        default="",
        max_length=1_000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$",
        description="What the officer has to say",
        examples=["I call the branch in the north."],
    )


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/alerts`."""
    _add_list(router, front)
    _add_one(router, front)
    _add_acknowledge(router, front)


def _add_list(router: APIRouter, front: Front) -> None:
    @router.get("/alerts", tags=["alerts"], dependencies=[requires("risk:read")], responses=READS)
    async def list_alerts(
        book: AnyBook = None,
        state: Annotated[State | None, Query(description="Only those that are open, closed or withdrawn")] = None,
        indicator: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
        segment: Annotated[str | None, Query(pattern=SEGMENT_PATTERN)] = None,
        level: Annotated[LevelName | None, Query()] = None,
        verdict: Annotated[
            VerdictName | Literal["none"] | None, Query(description="`none`: those that nobody has judged")
        ] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
        as_of: AsOf = None,
        known_at: KnownAt = None,
    ) -> AlertPage:
        """List alerts by day of opening: as they stand, or as they stood on a day or were known at a moment."""
        wanted = Wanted(book, state, indicator, segment, level, verdict)
        after = place_of(cursor, tuple[Number, Name], _START)
        async with front.database.read() as tx:
            if as_of is None and known_at is None:
                found = await alerts.alerts_now(tx, wanted, after, limit + 1)
            else:
                found = await _then(tx, wanted, after, limit + 1, (day_asked(as_of), known_at_us(known_at)))
            page, following = page_of(found, limit, lambda last: cursor_of(last.as_of, last.id))
            kept = [(decode_kept(seen.body), seen.verdict) for seen in page]
            degraded = {name: await degraded_of(tx, name) for name in {one.message.book for one, _ in kept}}
        items = [alert_shown(one, said, degraded[one.message.book]) for one, said in kept]
        return AlertPage(items=items, next=following)


async def _then(tx: Tx, wanted: Wanted, after: tuple[Day, str], limit: int, then: tuple[Day, int]) -> list[Seen]:
    """Return alerts as they stood; what revisions change is filtered here, page by page."""
    found: list[Seen] = []
    while len(found) < limit:
        page = await alerts.alerts_then(tx, wanted, after, limit, then)
        for seen in page:
            message = decode_kept(seen.body).message
            if wanted.state in (None, message.state) and wanted.level in (None, message.level):
                found.append(seen)
        if len(page) < limit:
            break
        after = (page[-1].as_of, page[-1].id)
    return found[:limit]


def _add_one(router: APIRouter, front: Front) -> None:
    @router.get("/alerts/{id}", tags=["alerts"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_alert(response: Response, alert: AlertId, as_of: AsOf = None, known_at: KnownAt = None) -> AlertTold:
        """Show an alert with all revisions, each with its explanation, and verdicts. The `ETag` is its revision."""
        told = await _told(front, alert, as_of, known_at)
        response.headers["ETag"] = f'"{told.revision}"'
        return told


async def _told(front: Front, alert: str, as_of: date | None, known_at: datetime | None) -> AlertTold:
    async with front.database.read() as tx:
        rows = await alerts.revisions_of(tx, alert, day_asked(as_of), known_at_us(known_at))
        said = await requests.verdicts_of(tx, alert, known_at_us(known_at), _VERDICTS_SHOWN)
        if not rows:
            raise missing("alert", alert)
        degraded = await degraded_of(tx, rows[-1].book)
    revisions = [decode_kept(row.body) for row in rows]
    return AlertTold(
        **alert_fields(revisions[-1], said[-1].verdict if said else None, degraded),
        revisions=[revision_shown(kept) for kept in revisions],
        verdicts=[verdict_shown(row) for row in said],
    )


def _add_acknowledge(router: APIRouter, front: Front) -> None:
    @router.post(
        "/alerts/{id}/acknowledgements",
        tags=["alerts"],
        status_code=201,
        dependencies=[requires("alerts:write")],
        response_model=AlertShown,
        responses={
            **answers(400, 401, 403, 404, 409, 412, 422, 503),
            200: {"description": "It had been acknowledged", "model": AlertShown},
        },
    )
    async def post_acknowledgement(
        request: Request,
        alert: AlertId,
        body: Annotated[Acknowledgement, Body()],
        if_match: Annotated[str | None, Header(max_length=100, description="`ETag` that was seen")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Acknowledge an open alert. Decided under the alert's lock: 409 when it has closed or was withdrawn, 412 when
        it has a later revision than the one that was seen."""

        async def work(tx: Tx) -> Answer:
            decided = await acknowledge_alert(tx, alert, (body.by, body.comment), if_match, front.scope.partitions)
            metrics.REQUESTS.labels("acknowledgement", decided.decision).inc()
            degraded = NOTHING if decided.kept is None else await degraded_of(tx, decided.kept.message.book)
            return _answer(alert, decided, await requests.last_verdict(tx, alert), degraded)

        response = await once(request, front.store, idempotency_key, body.model_dump_json().encode(), work)
        front.relay.ring()
        return response


def _answer(alert: str, decided: Decided, said: VerdictRow | None, degraded: Degraded) -> Answer:
    """Return the reply to an acknowledgement; Problem when it has no effect."""
    if decided.decision is Decision.UNKNOWN or decided.kept is None:
        raise missing("alert", alert)
    if decided.decision is Decision.CHANGED:
        raise Problem("alert-changed", 412, "The alert has changed", f"It is at revision {decided.revision} now.")
    if decided.decision is Decision.SUPERSEDED:
        state = decided.kept.message.state
        raise Problem("superseded", 409, "The alert does not stand any more", f"It is {state}.")
    status = 200 if decided.decision is Decision.REPEATED else 201
    shown = alert_shown(decided.kept, None if said is None else said.verdict, degraded)
    return Answer(status, shown, {"etag": f'"{decided.revision}"'})
