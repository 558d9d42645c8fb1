"""What the HTTP edges of all services share: parameters, cursors, idempotency keys, refusals of a parameter."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from fastapi import Header, Query, Request, Response
from pydantic import BaseModel

from shared.crashpoint import crash_point
from shared.db import idempotency
from shared.db.house import HouseTables
from shared.db.port import Database, Tx
from shared.kernel.ids import digest_of
from shared.problem import FieldError, Problem, answers

T = TypeVar("T")

NAME_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
TEXT_PATTERN = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
"""What people write: no control characters but tab and line feed."""
CURSOR_PATTERN = r"^[A-Za-z0-9_-]*$"

Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:/-]{0,64}$")]
"""What cursors are made of: a forged one can name a place that is not there, and do no harm."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST_US = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) // _MICROSECOND

Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page")]
CursorText = Annotated[
    str | None, Query(max_length=500, pattern=CURSOR_PATTERN, description="`next` of the page before")
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
WRITES: dict[int | str, dict[str, Any]] = answers(400, 401, 403, 409, 422, 503)


class Answer(NamedTuple):
    """What a piece of work answers."""

    status: int
    content: BaseModel
    headers: dict[str, str]


class Store(NamedTuple):
    """Where requests do their work."""

    database: Database
    house: HouseTables


async def once(
    request: Request, store: Store, key: str | None, body: bytes, work: Callable[[Tx], Awaitable[Answer]]
) -> Response:
    """Do the work of a request in one transaction; with an idempotency key once, and repeat its reply after that.

    A refusal is raised and not remembered: it stored nothing, and the same request may pass later.
    """
    # Each service's routes are below its name.
    service = request.url.path.split("/", 2)[1]
    async with store.database.transaction() as tx:
        reply = _reply(await work(tx)) if key is None else await _once_by_key(tx, request, store, key, body, work)
        crash_point("request.before_commit", service)
    crash_point("request.after_commit", service)
    return reply


async def _once_by_key(
    tx: Tx, request: Request, store: Store, key: str, body: bytes, work: Callable[[Tx], Awaitable[Answer]]
) -> Response:
    # Keys belong to whoever sent them: two callers may choose the same one.
    route = f"{request.state.key.id} {request.method} {request.url.path}"
    begun = await idempotency.begin(tx, store.house, key, route, digest_of(body), tx.now)
    if isinstance(begun, idempotency.Replay):
        return Response(begun.body, begun.status, headers=dict(begun.headers))
    if isinstance(begun, idempotency.Conflict):
        raise Problem("idempotency-key-reused", 422, "The idempotency key belongs to another request")
    if isinstance(begun, idempotency.Running):
        raise Problem("still-running", 409, "The same request is still being worked on")
    reply = _reply(await work(tx))
    kept = {name: value for name, value in reply.headers.items() if name in ("content-type", "etag")}
    await idempotency.finish(tx, store.house, key, route, reply.status_code, kept, bytes(reply.body))
    return reply


def _reply(answer: Answer) -> Response:
    content = answer.content.model_dump_json()
    return Response(content, answer.status, headers=answer.headers, media_type="application/json")


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


def page_of(found: Sequence[T], limit: int, cursor: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Return the items of a page and its `next`; `found` was asked for with one more than the page takes."""
    if len(found) <= limit:
        return found, None
    return found[:limit], cursor(found[limit - 1])


def cursor_at(at: datetime, name: str) -> str:
    """Return the cursor of a place (moment, id), exact to the microsecond: many rows may share a moment."""
    return cursor_of((at - _EPOCH) // _MICROSECOND, name)


def moment_place(cursor: str | None, start: tuple[int, str] = (0, "")) -> tuple[datetime, str]:
    """Return the place (moment, id) that a cursor names, `start` (microseconds since 1970, id) without one; Problem
    422 when it is none of ours. A forged one names no later moment than there is."""
    at_us, name = place_of(cursor, tuple[Number, Name], start)
    return _EPOCH + min(at_us, _LATEST_US) * _MICROSECOND, name


def invalid(pointer: str, detail: str) -> Problem:
    """Return the refusal of one parameter."""
    errors = [FieldError(pointer=pointer, detail=detail)]
    return Problem("invalid-request", 422, "The request does not fit its description", f"{pointer} {detail}", errors)


def missing(kind: str, name: str) -> Problem:
    """Return the problem of something that is not there."""
    return Problem(f"unknown-{kind}", 404, f"No such {kind}", f"There is no {kind} {name!r}.")
