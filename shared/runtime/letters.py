"""The route on which a service shows its dead letters, the same for all services."""

import base64
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from shared.db.letters import DeadLetter, Morgue, letters_after
from shared.db.port import Database
from shared.runtime.edge import NAME_PATTERN, READS, CursorText, Limit, Name, Number, cursor_of, place_of
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


def add_dead_letter_routes(router: APIRouter, database: Database, morgue: Morgue) -> None:
    """Add `/dead-letters`."""

    @router.get("/dead-letters", tags=["operations"], dependencies=[requires("dead-letters:read")], responses=READS)
    async def list_dead_letters(
        book: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> LetterPage:
        """List messages that could not be digested, oldest first."""
        after = place_of(cursor, tuple[Number, Name], (0, ""))
        async with database.read() as tx:
            found = await letters_after(tx, morgue.table, book, after, limit + 1)
        following = None
        if len(found) > limit:
            following = cursor_of(found[limit - 1].at, found[limit - 1].id)
        return LetterPage(items=[_shown(letter) for letter in found[:limit]], next=following)


def _shown(letter: DeadLetter) -> LetterShown:
    return LetterShown(
        **{name: value for name, value in letter._asdict().items() if name not in ("headers", "body", "at")},
        value_base64=base64.b64encode(letter.body).decode(),
        at=datetime.fromtimestamp(letter.at / 1_000_000, UTC),
    )
