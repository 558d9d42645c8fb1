"""Dead letters: messages that risk could not digest, with their bytes."""

import base64
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from services.risk.api.edge import (
    READS,
    AnyBook,
    CursorText,
    Front,
    Limit,
    Name,
    Number,
    cursor_of,
    place_of,
)
from services.risk.domain.moments import moment_of
from services.risk.store import letters
from services.risk.store.letters import DeadLetter
from shared.security.rights import requires


class LetterShown(BaseModel):
    """One message, where it lay, and why it could not be digested."""

    id: str
    topic: str
    partition: int
    offset: int
    book: str
    client: str
    type: str
    reason: str
    error: str
    value_base64: str
    at: datetime


class LetterPage(BaseModel):
    """Dead letters in the order in which they were kept."""

    items: list[LetterShown]
    next: str | None = None


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/dead-letters`."""

    @router.get("/dead-letters", tags=["operations"], dependencies=[requires("dead-letters:read")], responses=READS)
    async def list_dead_letters(book: AnyBook = None, cursor: CursorText = None, limit: Limit = 100) -> LetterPage:
        """List messages that could not be digested, oldest first."""
        after = place_of(cursor, tuple[Number, Name], (0, ""))
        async with front.database.read() as tx:
            found = await letters.letters_after(tx, book, after, limit + 1)
        following = None
        if len(found) > limit:
            following = cursor_of(found[limit - 1].at, found[limit - 1].id)
        return LetterPage(items=[_shown(letter) for letter in found[:limit]], next=following)


def _shown(letter: DeadLetter) -> LetterShown:
    return LetterShown(
        id=letter.id,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        book=letter.book,
        client=letter.client,
        type=letter.type,
        reason=letter.reason,
        error=letter.error,
        value_base64=base64.b64encode(letter.body).decode(),
        at=moment_of(letter.at),
    )
