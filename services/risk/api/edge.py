"""What all routes of risk share: parameters, cursors, moments, idempotency keys, problems."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from fastapi import Header, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, BeforeValidator

from services.risk.domain.moments import END_OF_TIME_US, micros_of
from services.risk.handlers.fold import Scope
from services.risk.settings import RiskSettings
from services.risk.store import books
from services.risk.store.books import Book
from services.risk.store.tables import HOUSE
from shared.db import idempotency
from shared.db.port import Database, Tx
from shared.kernel.days import EARLIEST, LATEST, Day, day_of
from shared.kernel.ids import digest_of
from shared.problem import FieldError, Problem, answers
from shared.runtime.bell import Bell
from shared.runtime.service import Platform

T = TypeVar("T")

ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
NAME_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
SEGMENT_PATTERN = r"^[^\x00-\x1f\x7f]{1,200}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"

Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:/-]{0,64}$")]
"""What cursors are made of: a forged one can name a place that is not there, and do no harm."""

BookPath = Annotated[str, Path(pattern=NAME_PATTERN, description="Id of the book")]
BookQuery = Annotated[str, Query(pattern=NAME_PATTERN, description="Id of the book")]
AnyBook = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")]
Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page")]
CURSOR_PATTERN = r"^[A-Za-z0-9_-]*$"
CursorText = Annotated[
    str | None, Query(max_length=500, pattern=CURSOR_PATTERN, description="`next` of the page before")
]


def _no_number(text: object) -> object:
    """Refuse what pydantic would take for seconds since 1970."""
    if isinstance(text, str) and text.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("a date or moment is written out (RFC 3339)")
    return text


AsOf = Annotated[
    date | None, BeforeValidator(_no_number), Query(description="As at the close of this business day; absent: now")
]
KnownAt = Annotated[
    AwareDatetime | None,
    BeforeValidator(_no_number),
    Query(description="As it was known at this moment (RFC 3339 with zone); absent: now"),
]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Makes the same request again the same request, for a day",
    ),
]

READS: dict[int | str, dict[str, Any]] = answers(401, 403, 422, 503)
READS_ONE: dict[int | str, dict[str, Any]] = answers(401, 403, 404, 422, 503)


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    platform: Platform
    settings: RiskSettings
    scope: Scope
    evaluate: Bell
    relay: Bell


class Answer(NamedTuple):
    """What a piece of work answers."""

    status: int
    content: BaseModel
    headers: dict[str, str]


async def once(
    request: Request, front: Front, key: str | None, body: bytes, work: Callable[[Tx], Awaitable[Answer]]
) -> Response:
    """Do the work of a request in one transaction; with an idempotency key once, and repeat its reply after that.

    A refusal is raised and not remembered: it stored nothing, and the same request may pass later.
    """
    async with front.database.transaction() as tx:
        if key is None:
            return _reply(await work(tx))
        # Keys belong to whoever sent them: two callers may choose the same one.
        route = f"{request.state.key.id} {request.method} {request.url.path}"
        begun = await idempotency.begin(tx, HOUSE, key, route, digest_of(body), tx.now)
        if isinstance(begun, idempotency.Replay):
            return Response(begun.body, begun.status, headers=dict(begun.headers))
        if isinstance(begun, idempotency.Conflict):
            raise Problem("idempotency-key-reused", 422, "The idempotency key belongs to another request")
        if isinstance(begun, idempotency.Running):
            raise Problem("still-running", 409, "The same request is still being worked on")
        reply = _reply(await work(tx))
        kept = {name: value for name, value in reply.headers.items() if name in ("content-type", "etag")}
        await idempotency.finish(tx, HOUSE, key, route, reply.status_code, kept, bytes(reply.body))
        return reply


def _reply(answer: Answer) -> Response:
    content = answer.content.model_dump_json()
    return Response(content, answer.status, headers=answer.headers, media_type="application/json")


def known_at_us(known_at: datetime | None) -> int:
    """Return a moment in microseconds; the end of time when none is asked for."""
    return END_OF_TIME_US if known_at is None else micros_of(known_at)


def day_asked(as_of: date | None) -> Day:
    """Return the day asked for, the last one that a book can have when none is."""
    return LATEST if as_of is None else min(LATEST, max(EARLIEST, day_of(as_of)))


def cursor_of(*place: Any) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None, kind: type[T], start: T) -> T:
    """Return the place that a cursor names, `start` without one; Problem 422 when it is none of ours."""
    if cursor is None:
        return start
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        return msgspec.msgpack.decode(base64.b64decode(padded, b"-_", validate=True), type=kind)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError):
        raise invalid("cursor", "is not the `next` of a page") from None


def invalid(pointer: str, detail: str) -> Problem:
    """Return the refusal of one parameter."""
    errors = [FieldError(pointer=pointer, detail=detail)]
    return Problem("invalid-request", 422, "The request does not fit its description", f"{pointer} {detail}", errors)


def missing(kind: str, name: str) -> Problem:
    """Return the problem of something that is not there."""
    return Problem(f"unknown-{kind}", 404, f"No such {kind}", f"There is no {kind} {name!r}.")


async def book_of(tx: Tx, name: str) -> Book:
    """Return a book; Problem 404 when it is not known."""
    book = await books.book_named(tx, name)
    if book is None:
        raise missing("book", name)
    return book
