"""What all routes of intake share: bounded bodies, idempotency keys, replies and problems."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Header, Query, Request, Response

from services.intake.api.together import Together
from services.intake.domain.findings import Finding
from services.intake.handlers.desk import Desk
from services.intake.handlers.explaining import explain_json
from services.intake.handlers.facts_in import WRONG
from services.intake.handlers.outcomes import Wrong
from services.intake.settings import IntakeSettings
from shared.clock import Clock
from shared.crashpoint import crash_point
from shared.db import idempotency
from shared.db.idempotency import Conflict, Replay, Running
from shared.db.port import Database, Tx
from shared.kernel.ids import digest_of
from shared.problem import FieldError, Problem
from shared.runtime.bell import Bell

JSON = "application/json"
KEY_LENGTH_MAX = 255
T = TypeVar("T")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_LENGTH_MAX,
        description="Makes the same request again the same request, for a day",
    ),
]
Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page")]
CursorText = Annotated[str | None, Query(min_length=1, max_length=500, description="`next` of the page before")]


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    desk: Desk
    clock: Clock
    settings: IntakeSettings
    bell: Bell
    together: Together


Work = Callable[[Tx], Awaitable[Response]]


async def read_bytes(request: Request, front: Front, kinds: Sequence[str] = (JSON,)) -> bytes:
    """Return a body, read no further than it may be; Problem 413 or 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise Problem("media-type", 415, "Another media type is needed", f"Send {' or '.join(kinds)}.")
    limit, parts, length = front.settings.max_body_bytes, [], 0
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def too_large(limit: int) -> Problem:
    """Return the refusal of a body."""
    return Problem("body-too-large", 413, "The body is too large", f"At most {limit} bytes; send smaller batches.")


async def once(request: Request, front: Front, key: str | None, body: bytes, work: Work) -> Response:
    """Do the work of a request in one transaction; with an idempotency key once, and repeat its reply after that.

    A refusal is not remembered: it stored nothing, and the same request may pass later.
    """
    async with front.database.transaction() as tx:
        if key is None:
            response = await work(tx)
        else:
            response = await _once_by_key(tx, request, front, key, body, work)
        crash_point("intake.before_commit")
    crash_point("intake.after_commit")
    front.bell.ring()
    return response


async def _once_by_key(tx: Tx, request: Request, front: Front, key: str, body: bytes, work: Work) -> Response:
    if not key.isprintable():
        raise Problem("invalid-request", 422, "The request does not fit its description", "Idempotency-Key: printable.")
    # Keys belong to whoever sent them: two callers may choose the same one.
    route = f"{request.state.key.id} {request.method} {request.url.path}"
    house, kind = front.desk.house, request.headers.get("content-type", "")
    begun = await idempotency.begin(tx, house, key, route, digest_of(kind.encode() + body), front.clock.now())
    if isinstance(begun, Replay):
        return Response(begun.body, begun.status, headers=dict(begun.headers))
    if isinstance(begun, Conflict):
        raise Problem("idempotency-key-reused", 422, "The idempotency key belongs to another request")
    if isinstance(begun, Running):
        raise Problem("still-running", 409, "The same request is still being worked on")
    response = await work(tx)
    kept = {name: value for name, value in response.headers.items() if name in ("content-type", "location")}
    await idempotency.finish(tx, house, key, route, response.status_code, kept, bytes(response.body))
    return response


def replied(content: Any, status: int = 200, location: str = "") -> Response:
    """Return a JSON reply."""
    headers = {"location": location} if location else {}
    return Response(msgspec.json.encode(content), status, headers=headers, media_type=JSON)


def invalid(errors: Iterable[Finding] | Iterable[Wrong]) -> Problem:
    """Return the refusal of a body that is understood as JSON at best: every error at once."""
    fields = [FieldError(pointer=one.pointer, detail=one.detail) for one in errors]
    unknown = fields and all(one.detail == "is not a field of this" for one in fields)
    slug, title = ("unknown-fields", "Unknown fields") if unknown else ("invalid-body", "The body is not valid")
    return Problem(slug, 422, title, "; ".join(f"{one.pointer} {one.detail}" for one in fields[:3]), fields)


def decoded(body: bytes, kind: type[T]) -> T:
    """Return a small body as a struct; Problem 422 with everything that is wrong with its shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except WRONG as error:
        raise invalid(explain_json(body, kind, str(error))[1]) from None


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that a route does not have: a filter that is misspelt would silently filter nothing."""
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    if unknown := sorted(set(request.query_params) - known):
        errors = [FieldError(pointer=f"query.{name}"[:100], detail="is not a parameter of this") for name in unknown]
        raise Problem("unknown-parameters", 422, "Unknown parameters", errors=errors)


def printable(**texts: str | None) -> None:
    """Refuse parameters that no stored text could equal: databases cannot even be asked for some of them."""
    wrong = [name for name, text in texts.items() if text is not None and not text.isprintable()]
    if wrong:
        errors = [FieldError(pointer=name, detail="printable characters") for name in wrong]
        raise Problem("invalid-request", 422, "The request does not fit its description", errors=errors)
