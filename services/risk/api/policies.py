"""Policies: list, show, check, apply."""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from services.risk.api.edge import AsOf, Front, KnownAt, day_asked, known_at_us
from services.risk.domain.moments import micros_of
from services.risk.domain.policy_nodes import PolicyError
from services.risk.handlers.policies import Outcome, apply_policy, check_policy
from services.risk.store import policies
from services.risk.store.policies import Applied
from shared.db.port import Tx
from shared.kernel.days import date_of
from shared.problem import FieldError, Problem, answers
from shared.runtime.edge import (
    READS,
    READS_ONE,
    Answer,
    CursorText,
    IdempotencyKey,
    Limit,
    Name,
    cursor_of,
    missing,
    once,
    page_of,
    place_of,
)
from shared.security.rights import requires

_JSON = "application/json"
_YAML = ("text/yaml", "application/yaml", "application/x-yaml", "text/plain")
_EXAMPLE = """\
policy: branch
books:
  auto:
    - id: arrears
      indicator: par30
      basis: exposure
      segments: portfolio
      period: month
      direction: above
      amber: {enter: 4 %, leave: 3.5 %}
      red: {enter: 6 %, leave: 5 %}
      owner: portfolio_manager
"""
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/yaml": {"schema": {}, "example": _EXAMPLE},
            _JSON: {
                "schema": {
                    "type": "object",
                    "properties": {"text": {"type": "string", "description": "The policy in YAML"}},
                    "required": ["text"],
                    "additionalProperties": False,
                },
                "example": {"text": _EXAMPLE},
            },
        },
    }
}
_WRITES = answers(400, 401, 403, 413, 415, 422, 503)
PolicyName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name of the policy")]


class PolicyShown(BaseModel):
    """One version of a policy."""

    policy: str
    version: int
    effective_from: date | None = Field(description="Null: from the first day of each book")
    known_at: datetime
    books: list[str]
    rules: int


class PolicyTold(PolicyShown):
    """A version with its text, and all versions by number."""

    text: str
    versions: list[PolicyShown]


class PolicyPage(BaseModel):
    """The last version of each policy by name."""

    items: list[PolicyShown]
    next: str | None = None


class PolicyApplied(PolicyShown):
    """What became of a text."""

    outcome: Outcome


class ErrorShown(BaseModel):
    """One thing that is wrong in a text."""

    line: int
    path: str
    detail: str


class Checked(BaseModel):
    """What a text says, or everything that is wrong with it."""

    valid: bool
    policy: str | None
    books: list[str]
    rules: int
    errors: list[ErrorShown]


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/policies`."""
    _add_reads(router, front)
    _add_check(router, front)
    _add_apply(router, front)


def _add_reads(router: APIRouter, front: Front) -> None:
    @router.get("/policies", tags=["policies"], dependencies=[requires("policies:read")], responses=READS)
    async def list_policies(
        cursor: CursorText = None, limit: Limit = 100, as_of: AsOf = None, known_at: KnownAt = None
    ) -> PolicyPage:
        """List policies by name: their last versions, of those that were known and in force then."""
        (after,) = place_of(cursor, tuple[Name], ("",))
        async with front.database.read() as tx:
            found = await policies.latest_policies(tx, after, limit + 1, day_asked(as_of), known_at_us(known_at))
        page, following = page_of(found, limit, lambda last: cursor_of(last.version.policy.name))
        return PolicyPage(items=[_shown(applied) for applied in page], next=following)

    @router.get("/policies/{name}", tags=["policies"], dependencies=[requires("policies:read")], responses=READS_ONE)
    async def get_policy(name: PolicyName, as_of: AsOf = None, known_at: KnownAt = None) -> PolicyTold:
        """Show a policy's last version with its text; the last that was known and in force then."""
        async with front.database.read() as tx:
            versions = await policies.versions_of(tx, name)
        held = [
            applied
            for applied in versions
            if micros_of(applied.version.known_at) <= known_at_us(known_at)
            and (applied.version.policy.effective_from or 0) <= day_asked(as_of)
        ]
        if not held:
            raise missing("policy", name)
        return PolicyTold(**_fields(held[-1]), text=held[-1].text, versions=[_shown(applied) for applied in held])


def _add_check(router: APIRouter, front: Front) -> None:
    @router.post(
        "/policies/checks",
        tags=["policies"],
        dependencies=[requires("policies:read")],
        responses=_WRITES,
        openapi_extra=_BODY,
    )
    async def check(request: Request) -> Checked:
        """Tell everything that is wrong with a policy's text, each with its line; stores nothing."""
        parsed = check_policy(await _read_text(request, front))
        policy = parsed.policy
        return Checked(
            valid=policy is not None,
            policy=None if policy is None else policy.name,
            books=[] if policy is None else list(policy.books),
            rules=0 if policy is None else len(policy.rules),
            errors=[ErrorShown(line=one.line, path=one.path, detail=one.message) for one in parsed.errors],
        )


def _add_apply(router: APIRouter, front: Front) -> None:
    @router.post(
        "/policies",
        tags=["policies"],
        status_code=201,
        dependencies=[requires("policies:write")],
        response_model=PolicyApplied,
        responses={
            **_WRITES,
            **answers(409),
            200: {"description": "This text is the last version already", "model": PolicyApplied},
        },
        openapi_extra=_BODY,
    )
    async def post_policy(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Apply a text as the next version of its policy; 422 with all errors, each with its line."""
        text = await _read_text(request, front)
        parsed = check_policy(text)
        if parsed.policy is None:
            raise _refused(parsed.errors)
        policy = parsed.policy

        async def work(tx: Tx) -> Answer:
            decided = await apply_policy(tx, policy, text, front.scope.partitions)
            status = 200 if decided.outcome is Outcome.UNCHANGED else 201
            return Answer(status, PolicyApplied(**_fields(decided.applied), outcome=decided.outcome), {})

        response = await once(request, front.store, idempotency_key, text.encode(), work)
        front.evaluate.ring()
        front.relay.ring()
        return response


async def _read_text(request: Request, front: Front) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON and kind not in _YAML:
        raise Problem("media-type", 415, "Another media type is needed", f"Send {_YAML[0]} or {_JSON}.")
    limit, parts, length = front.settings.max_policy_bytes, [], 0
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise Problem("body-too-large", 413, "The body is too large", f"A policy has at most {limit} bytes.")
        parts.append(part)
    try:
        content = b"".join(parts)
        return msgspec.json.decode(content, type=_Text).text if kind == _JSON else content.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        errors = [FieldError(pointer="", detail=str(error))]
        raise Problem("invalid-body", 422, "The body is not valid", str(error), errors) from None


def _refused(errors: tuple[PolicyError, ...]) -> Problem:
    fields = [
        FieldError(pointer=f"line {one.line}", detail=f"{one.path}: {one.message}" if one.path else one.message)
        for one in errors
    ]
    detail = f"{len(fields)} error{'s' if len(fields) > 1 else ''}; the first is in line {errors[0].line}."
    return Problem("invalid-policy", 422, "The policy is not valid", detail, fields)


def _fields(applied: Applied) -> dict[str, Any]:
    version = applied.version
    effective = version.policy.effective_from
    return {
        "policy": version.policy.name,
        "version": version.version,
        "effective_from": None if effective is None else date_of(effective),
        "known_at": version.known_at,
        "books": list(version.policy.books),
        "rules": len(version.policy.rules),
    }


def _shown(applied: Applied) -> PolicyShown:
    return PolicyShown(**_fields(applied))
