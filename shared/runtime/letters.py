"""The routes on a service's dead letters, the same for all services: see them, replay them, dismiss them.

A replay is shown first: a preview does it for real, tells what it changed, and rolls it back.
"""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.db import letters
from shared.db.letters import KEPT, DeadLetter
from shared.db.port import Tx
from shared.db.watched import Plain
from shared.problem import Problem, answers
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
    READS_ONE,
    TEXT_PATTERN,
    Answer,
    CursorText,
    IdempotencyKey,
    Limit,
    Name,
    Number,
    Store,
    cursor_of,
    missing,
    once,
    page_of,
    place_of,
)
from shared.runtime.replaying import STILL_UNDIGESTIBLE, LetterDesk, dismiss_letter, preview_letter, replay_letter
from shared.security.rights import requires

_WRITES = answers(400, 401, 403, 404, 409, 422, 503)
_State = Literal["kept", "retried", "dismissed"]
LetterId = Annotated[str, Path(alias="id", pattern=r"^[0-9a-f]{32}$", description="Id of the letter")]


class LetterShown(BaseModel):
    """One message, where it lay, why it could not be digested, and what became of it."""

    id: str
    topic: str
    partition: int
    offset: int
    book: str
    client: str
    type: str
    event_id: str
    producer: str
    reason: str
    error: str
    stack: str = Field(description="Where it broke: `module:line function`, outermost first, one a line")
    value_base64: str
    at: datetime
    state: _State
    settled_by: str
    settled_at: datetime | None
    comment: str


class LetterPage(BaseModel):
    """Dead letters in the order in which they were kept."""

    items: list[LetterShown]
    next: str | None = None


class ChangeShown(BaseModel):
    """What would become of one thing."""

    kind: str = Field(examples=["loan", "counter", "message"])
    name: str
    before: dict[str, Plain] | None = Field(description="null: it is not there yet")
    after: dict[str, Plain] | None = Field(description="null: it would be gone")


class PreviewShown(BaseModel):
    """What a replay would do."""

    would: Literal["digest", "fail"]
    error: str = Field(description="Why it would fail again")
    changes: list[ChangeShown]
    more: int = Field(description="Changes that are not listed")


class Retry(BaseModel):
    """Who replays a letter."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(pattern=NAME_PATTERN, description="Id of the person, no name", examples=["operator-1"])


class Dismissal(Retry):
    """Who dismisses a letter, and why."""

    reason: str = Field(
        min_length=1, max_length=1_000, pattern=TEXT_PATTERN, examples=["sent twice by the core system"]
    )


def add_dead_letter_routes(router: APIRouter, desk: LetterDesk) -> None:
    """Add `/dead-letters`."""
    _add_list(router, desk)
    _add_one(router, desk)
    _add_preview(router, desk)
    _add_replay(router, desk)
    _add_dismissal(router, desk)


def _add_list(router: APIRouter, desk: LetterDesk) -> None:
    @router.get("/dead-letters", tags=["operations"], dependencies=[requires("dead-letters:read")], responses=READS)
    async def list_dead_letters(
        book: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")] = None,
        state: Annotated[_State | None, Query(description="`kept`: those that nobody has settled")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> LetterPage:
        """List messages that could not be digested, oldest first."""
        after = place_of(cursor, tuple[Number, Name], (0, ""))
        async with desk.database.read() as tx:
            found = await letters.letters_after(tx, desk.morgue.table, book, state, after, limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_of(last.at, last.id))
        return LetterPage(items=[_shown(letter) for letter in page], next=following)


def _add_one(router: APIRouter, desk: LetterDesk) -> None:
    @router.get(
        "/dead-letters/{id}", tags=["operations"], dependencies=[requires("dead-letters:read")], responses=READS_ONE
    )
    async def get_dead_letter(letter: LetterId) -> LetterShown:
        """Show one message that could not be digested: its bytes, where it lay, why and where it broke."""
        async with desk.database.read() as tx:
            found = await letters.letter_with_id(tx, desk.morgue.table, letter)
        if found is None:
            raise missing("dead-letter", letter)
        return _shown(found)


def _add_preview(router: APIRouter, desk: LetterDesk) -> None:
    @router.get(
        "/dead-letters/{id}/preview",
        tags=["operations"],
        dependencies=[requires("dead-letters:write")],
        responses=answers(401, 403, 404, 409, 422, 503),
    )
    async def preview_dead_letter(letter: LetterId) -> PreviewShown:
        """Tell what a replay would change, before and after, and change nothing: it is done and rolled back."""
        try:
            found = await preview_letter(desk, letter)
        except Problem as problem:
            if problem.slug != STILL_UNDIGESTIBLE:
                raise
            return PreviewShown(would="fail", error=problem.detail, changes=[], more=0)
        changes = [ChangeShown(**change._asdict()) for change in found.changes]
        return PreviewShown(would="digest", error="", changes=changes, more=found.more)


def _add_replay(router: APIRouter, desk: LetterDesk) -> None:
    async def replay(request: Request, letter: str, body: Retry, key: str | None) -> Response:
        digested: list[Callable[[], None]] = []

        async def work(tx: Tx) -> Answer:
            settled, after_commit = await replay_letter(tx, desk, letter, body.by)
            digested.append(after_commit)
            return Answer(200, _shown(settled), {})

        response = await _settle(request, desk, (key, body), work)
        for after_commit in digested:
            after_commit()
        return response

    @router.post(
        "/dead-letters/{id}/replay",
        tags=["operations"],
        dependencies=[requires("dead-letters:write")],
        response_model=LetterShown,
        responses=_WRITES,
    )
    async def post_replay(
        request: Request, letter: LetterId, body: Annotated[Retry, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Digest a message as if it came now. When that fails again, 409 with the reason, and the letter stays."""
        return await replay(request, letter, body, idempotency_key)

    @router.post(
        "/dead-letters/{id}/retry",
        tags=["operations"],
        dependencies=[requires("dead-letters:write")],
        response_model=LetterShown,
        responses=_WRITES,
        deprecated=True,
    )
    async def post_retry(
        request: Request, letter: LetterId, body: Annotated[Retry, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Do what `/replay` does: its name before."""
        return await replay(request, letter, body, idempotency_key)


def _add_dismissal(router: APIRouter, desk: LetterDesk) -> None:
    @router.post(
        "/dead-letters/{id}/dismissal",
        tags=["operations"],
        dependencies=[requires("dead-letters:write")],
        response_model=LetterShown,
        responses=_WRITES,
    )
    async def post_dismissal(
        request: Request, letter: LetterId, body: Annotated[Dismissal, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Dismiss a message for good: its effect is not needed. It stays readable, with the reason."""

        async def work(tx: Tx) -> Answer:
            return Answer(200, _shown(await dismiss_letter(tx, desk, letter, body.by, body.reason)), {})

        return await _settle(request, desk, (idempotency_key, body), work)


async def _settle(
    request: Request,
    desk: LetterDesk,
    asked: tuple[str | None, BaseModel],
    work: Callable[[Tx], Awaitable[Answer]],
) -> Response:
    key, body = asked
    store = Store(desk.database, desk.morgue.house)
    response = await once(request, store, key, body.model_dump_json().encode(), work)
    desk.relay.ring()
    return response


def _shown(letter: DeadLetter) -> LetterShown:
    hidden = ("headers", "body", "at", "key", "settled_at")
    return LetterShown(
        **{name: value for name, value in letter._asdict().items() if name not in hidden},
        value_base64=base64.b64encode(letter.body).decode(),
        at=datetime.fromtimestamp(letter.at / 1_000_000, UTC),
        settled_at=None if letter.state == KEPT else datetime.fromtimestamp(letter.settled_at / 1_000_000, UTC),
    )
