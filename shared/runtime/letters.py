"""The routes on a service's dead letters, the same for all services: see them, try them again, dismiss them.

A letter is tried again by whoever is asked, in one transaction that takes its partition over: the owner, who is fenced
by that, claims it back with its next batch and keeps nothing in memory of what was before.
"""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.db import letters, positions
from shared.db.letters import DISMISSED, KEPT, RETRIED, DeadLetter, Morgue
from shared.db.port import Database, DatabaseUnavailable, Tx
from shared.problem import Problem, answers
from shared.runtime import metrics
from shared.runtime.bell import Bell
from shared.runtime.edge import (
    NAME_PATTERN,
    READS,
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
from shared.runtime.service import Batch, Subscription
from shared.security.rights import requires

_WRITES = answers(400, 401, 403, 404, 409, 422, 503)
_State = Literal["kept", "retried", "dismissed"]
LetterId = Annotated[str, Path(alias="id", pattern=r"^[0-9a-f]{32}$", description="Id of the letter")]


async def _nothing(_tx: Tx, _letter: DeadLetter) -> None:
    """Nothing more is to be done when a letter is settled."""


@dataclass(frozen=True)
class LetterDesk:
    """What the routes work with."""

    database: Database
    morgue: Morgue
    owner: str
    relay: Bell
    subscriptions: Callable[[], Sequence[Subscription]]
    """Composed anew for each retry, so that nothing is believed that a transaction that failed has left in memory."""
    settled: Callable[[Tx, DeadLetter], Awaitable[None]] = _nothing
    """Called in the transaction that settles a letter."""


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


class Retry(BaseModel):
    """Who tries a letter again."""

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
    _add_retry(router, desk)
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


def _add_retry(router: APIRouter, desk: LetterDesk) -> None:
    @router.post(
        "/dead-letters/{id}/retry",
        tags=["operations"],
        dependencies=[requires("dead-letters:write")],
        response_model=LetterShown,
        responses=_WRITES,
    )
    async def post_retry(
        request: Request, letter: LetterId, body: Annotated[Retry, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Digest a message once more, as if it came now: 409 when that fails again, and it stays where it is."""

        digested: list[Callable[[], None]] = []

        async def work(tx: Tx) -> Answer:
            settled, after_commit = await _retry(tx, desk, letter, body.by)
            digested.append(after_commit)
            return Answer(200, _shown(settled), {})

        response = await _settle(request, desk, (idempotency_key, body), work)
        for after_commit in digested:
            after_commit()
        return response


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
            taken = await _take(tx, desk, letter)
            return Answer(200, _shown(await _put(tx, desk, taken, DISMISSED, (body.by, body.reason))), {})

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


async def _retry(tx: Tx, desk: LetterDesk, name: str, by: str) -> tuple[DeadLetter, Callable[[], None]]:
    """Digest a letter; return it settled, and what is to be done once that is committed."""
    seen = await letters.letter_with_id(tx, desk.morgue.table, name)
    if seen is None:
        raise missing("dead-letter", name)
    subscription = next((one for one in desk.subscriptions() if one.topic == seen.topic), None)
    if subscription is None:
        raise Problem("not-read", 409, "The topic is not read any more", f"Nothing reads {seen.topic}; dismiss it.")
    place = (seen.topic, seen.partition)
    # The position before the letter, as the owner takes them: nobody can block another for ever.
    claim = await positions.claim(tx, desk.morgue.house, desk.morgue.service, *place, f"{desk.owner}/retry")
    letter = await _take(tx, desk, name)
    batch = Batch(*place, claim.epoch, [letter.record])
    try:
        await subscription.handle(tx, batch)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        raise _undigestible(f"{type(error).__name__}: {error}"[:2_000]) from error
    settled, after_commit = await _put(tx, desk, letter, RETRIED, (by, "")), subscription.after_commit

    def done() -> None:
        if after_commit is not None:
            after_commit(batch)

    return settled, done


def _undigestible(error: str) -> Problem:
    return Problem("still-undigestible", 409, "The message still cannot be digested", error)


async def _take(tx: Tx, desk: LetterDesk, name: str) -> DeadLetter:
    """Take a letter in hand that nobody has settled; nobody else can settle it before this transaction ends."""
    letter = await letters.letter_with_id(tx, desk.morgue.table, name)
    if letter is None:
        raise missing("dead-letter", name)
    if not await letters.take_letter(tx, desk.morgue.table, name):
        raise Problem("settled", 409, "The letter is settled already", "Somebody has retried or dismissed it.")
    return letter


async def _put(tx: Tx, desk: LetterDesk, letter: DeadLetter, state: str, said: tuple[str, str]) -> DeadLetter:
    """Put a letter back with what became of it, by whom and why; Problem 409 when the handler has buried it again."""
    by, comment = said
    settled_at = int(tx.now.timestamp() * 1_000_000)
    settled = letter._replace(state=state, settled_by=by, settled_at=settled_at, comment=comment)
    if not await letters.settle_letter(tx, desk.morgue.table, settled):
        raise _undigestible(letter.error)
    await desk.settled(tx, settled)
    metrics.LETTERS_SETTLED.labels(desk.morgue.service, state).inc()
    return settled


def _shown(letter: DeadLetter) -> LetterShown:
    hidden = ("headers", "body", "at", "key", "settled_at")
    return LetterShown(
        **{name: value for name, value in letter._asdict().items() if name not in hidden},
        value_base64=base64.b64encode(letter.body).decode(),
        at=datetime.fromtimestamp(letter.at / 1_000_000, UTC),
        settled_at=None if letter.state == KEPT else datetime.fromtimestamp(letter.settled_at / 1_000_000, UTC),
    )
