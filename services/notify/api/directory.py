"""People, teams, endpoints and routes: the same five requests for each kind; and the provisioning file."""

import hashlib
import secrets
from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.notify.api.edge import EntryId, Front, IfMatch
from services.notify.domain.directory import Endpoint, Person, Route, Shape, Team
from services.notify.domain.provisioning import MAX_CHARACTERS, parse
from services.notify.handlers.keeping import Kept, Put, converge, put_entry, remove_entry
from services.notify.store import directory
from services.notify.store.directory import Entry
from shared.db.port import Tx
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

_SECRETS_MOST = 5
_YAML = "application/yaml"
_EXAMPLE = """people:
  anna: {name: Anna Weber, roles: [credit_officer], email: anna@bank.example}
routes:
  all: {owner: true, channels: [email, inbox]}
"""


class _Meta(BaseModel):
    id: str
    version: int
    origin: str = Field(description="`file`: kept by the provisioning file; `http`: by whoever put it")
    changed_at: datetime


class PersonShown(_Meta, Person):
    """A person as kept."""


class TeamShown(_Meta, Team):
    """A team as kept."""


class RouteShown(_Meta, Route):
    """A route as kept."""


class EndpointShown(_Meta):
    """An endpoint as kept; its secrets are never shown again."""

    url: str
    secrets: list[str] = Field(description="Fingerprints, newest first: the first digits of SHA-256")


class PersonPage(BaseModel):
    """People by id."""

    items: list[PersonShown]
    next: str | None = None


class TeamPage(BaseModel):
    """Teams by id."""

    items: list[TeamShown]
    next: str | None = None


class RoutePage(BaseModel):
    """Routes by id."""

    items: list[RouteShown]
    next: str | None = None


class EndpointPage(BaseModel):
    """Endpoints by id."""

    items: list[EndpointShown]
    next: str | None = None


class Removed(BaseModel):
    """An entry that is gone."""

    id: str
    outcome: Kept


class NewSecret(BaseModel):
    """A secret to come before those that an endpoint has."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keep": 1}]})

    keep: int = Field(default=1, ge=0, lt=_SECRETS_MOST, description="How many of the older secrets go on signing")


class SecretShown(BaseModel):
    """A new secret, shown this once."""

    secret: str
    endpoint: EndpointShown


class Applied(BaseModel):
    """How many entries a file created, changed, removed, and found as it says."""

    created: int
    changed: int
    removed: int
    unchanged: int


class _Kind(NamedTuple):
    name: str
    path: str
    shape: type[Shape]
    shown: type[BaseModel]
    page: type[BaseModel]


_KINDS = (
    _Kind("person", "people", Person, PersonShown, PersonPage),
    _Kind("team", "teams", Team, TeamShown, TeamPage),
    _Kind("endpoint", "endpoints", Endpoint, EndpointShown, EndpointPage),
    _Kind("route", "routes", Route, RouteShown, RoutePage),
)


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/people`, `/teams`, `/endpoints`, `/routes` and `/provisioning`."""
    for kind in _KINDS:
        _add_reads(router, front, kind)
        _add_writes(router, front, kind)
    _add_rotation(router, front)
    _add_provisioning(router, front)


def _add_reads(router: APIRouter, front: Front, kind: _Kind) -> None:
    reads = [requires("people:read")]

    @router.get(
        f"/{kind.path}",
        tags=["people"],
        summary=f"List {kind.path}",
        operation_id=f"notify_list_{kind.path}",
        dependencies=reads,
        response_model=kind.page,
        responses=READS,
    )
    async def list_entries(cursor: CursorText = None, limit: Limit = 100) -> Any:
        """By id, each with its version and who keeps it."""
        (after,) = place_of(cursor, tuple[Name], ("",))
        async with front.database.read() as tx:
            found = await directory.entries_of(tx, kind.name, after, limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_of(last.id))
        return {"items": [_shown(kind, entry) for entry in page], "next": following}

    @router.get(
        f"/{kind.path}/{{id}}",
        tags=["people"],
        summary=f"Show one of the {kind.path}",
        operation_id=f"notify_get_{kind.name}",
        dependencies=reads,
        response_model=kind.shown,
        responses=READS_ONE,
    )
    async def get_entry(response: Response, name: EntryId) -> Any:
        """The `ETag` is its version."""
        async with front.database.read() as tx:
            entry = await directory.entry_named(tx, kind.name, name)
        if entry is None:
            raise missing(kind.name, name)
        response.headers["ETag"] = f'"{entry.version}"'
        return _shown(kind, entry)


def _add_writes(router: APIRouter, front: Front, kind: _Kind) -> None:
    writes = [requires("people:write")]
    refusals = answers(400, 401, 403, 409, 412, 422, 503)

    @router.put(
        f"/{kind.path}/{{id}}",
        tags=["people"],
        summary=f"Create or replace one of the {kind.path}",
        operation_id=f"notify_put_{kind.name}",
        dependencies=writes,
        response_model=kind.shown,
        responses={**refusals, 201: {"description": "Created", "model": kind.shown}},
    )
    async def put(
        request: Request,
        name: EntryId,
        body: Annotated[kind.shape, Body()],  # type: ignore[name-defined]
        if_match: IfMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """409: the provisioning file keeps it. 412: it has another version than the one that was seen."""

        async def work(tx: Tx) -> Answer:
            entry = _taken(kind, name, done := await put_entry(tx, kind.name, name, body, if_match))
            status = 201 if done.kept is Kept.CREATED else 200
            return Answer(status, _shown(kind, entry), {"etag": f'"{entry.version}"'})

        return await once(request, front.store, idempotency_key, body.model_dump_json().encode(), work)

    @router.delete(
        f"/{kind.path}/{{id}}",
        tags=["people"],
        summary=f"Remove one of the {kind.path}",
        operation_id=f"notify_delete_{kind.name}",
        dependencies=writes,
        response_model=Removed,
        responses={**refusals, **answers(404)},
    )
    async def delete(
        request: Request, name: EntryId, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Whatever names it leads there no more."""

        async def work(tx: Tx) -> Answer:
            done = await remove_entry(tx, kind.name, name, if_match)
            _taken(kind, name, done)
            return Answer(200, Removed(id=name, outcome=done.kept), {})

        return await once(request, front.store, idempotency_key, b"", work)


def _taken(kind: _Kind, name: str, done: Put) -> Entry:
    """Return the entry of a change that was made; Problem when it was not."""
    if done.kept is Kept.OTHER_VERSION:
        version = "not there" if done.entry is None else f"at version {done.entry.version}"
        raise Problem("entry-changed", 412, "The entry has changed", f"The {kind.name} {name!r} is {version} now.")
    if done.kept is Kept.OF_FILE:
        raise Problem(
            "entry-of-file", 409, "The provisioning file keeps this entry", f"Change {name!r} there and apply it."
        )
    if done.entry is None:
        raise missing(kind.name, name)
    return done.entry


def _shown(kind: _Kind, entry: Entry) -> BaseModel:
    body = dict(entry.body)
    if kind.shape is Endpoint:
        body["secrets"] = [_fingerprint(secret) for secret in body["secrets"]]
    meta = {"id": entry.id, "version": entry.version, "origin": entry.origin, "changed_at": entry.changed_at}
    return kind.shown.model_validate({**body, **meta})


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def _add_rotation(router: APIRouter, front: Front) -> None:
    kind = next(one for one in _KINDS if one.shape is Endpoint)

    @router.post(
        "/endpoints/{id}/secrets",
        tags=["people"],
        status_code=201,
        dependencies=[requires("people:write")],
        response_model=SecretShown,
        responses=answers(400, 401, 403, 404, 409, 412, 422, 503),
    )
    async def rotate_secret(
        request: Request, name: EntryId, body: Annotated[NewSecret, Body()], if_match: IfMatch = None
    ) -> Response:
        """Give an endpoint a new secret, shown this once; the older ones that are kept go on signing beside it."""

        async def work(tx: Tx) -> Answer:
            entry = await directory.entry_named(tx, kind.name, name, lock=True)
            if entry is None:
                raise missing(kind.name, name)
            now = Endpoint.model_validate(entry.body)
            secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
            after = now.model_copy(update={"secrets": (secret, *now.secrets[: body.keep])})
            entry = _taken(kind, name, await put_entry(tx, kind.name, name, after, if_match))
            shown = _shown(kind, entry)
            assert isinstance(shown, EndpointShown), "endpoints are shown as such"
            return Answer(201, SecretShown(secret=secret, endpoint=shown), {"etag": f'"{entry.version}"'})

        return await once(request, front.store, None, b"", work)


def _add_provisioning(router: APIRouter, front: Front) -> None:
    @router.put(
        "/provisioning",
        tags=["people"],
        dependencies=[requires("people:write")],
        responses=answers(400, 401, 403, 413, 415, 422, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {_YAML: {"schema": {"type": "string"}, "example": _EXAMPLE}},
            }
        },
    )
    async def apply_file(request: Request) -> Applied:
        """Bring everything that came from a file to what this file says (YAML); applied twice it changes nothing.
        422 with all errors, each with its line."""
        parsed = parse(await _read_text(request))
        if parsed.provisioned is None:
            errors = [
                FieldError(pointer=f"line {one.line}", detail=f"{one.path}: {one.detail}" if one.path else one.detail)
                for one in parsed.errors
            ]
            detail = (
                f"{len(errors)} error{'s' if len(errors) > 1 else ''}; the first is in line {parsed.errors[0].line}."
            )
            raise Problem("invalid-file", 422, "The file is not valid", detail, errors)
        async with front.database.transaction() as tx:
            done = await converge(tx, parsed.provisioned)
        return Applied(**done._asdict())


async def _read_text(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_YAML, "text/yaml", "application/x-yaml", "text/plain"):
        raise Problem("media-type", 415, "Another media type is needed", f"Send {_YAML}.")
    parts, length, limit = [], 0, MAX_CHARACTERS * 4
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise Problem("body-too-large", 413, "The body is too large", f"A file has at most {limit} bytes.")
        parts.append(part)
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError as error:
        errors = [FieldError(pointer="", detail=str(error))]
        raise Problem("invalid-body", 422, "The body is not valid", str(error), errors) from None
