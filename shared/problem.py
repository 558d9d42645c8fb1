"""Errors at HTTP edges: RFC 9457 problem details with an own `type` and every field error at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

TYPE_BASE = "https://tocsin.dev/problems/"
MEDIA_TYPE = "application/problem+json"
MAX_FIELD_ERRORS = 100


class FieldError(BaseModel):
    """One thing that is wrong in what was sent."""

    pointer: str = Field(description="JSON pointer into the body (RFC 6901), or the name of a parameter")
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    errors: list[FieldError] = []


class Problem(Exception):
    """A refusal that the caller can act on."""

    def __init__(
        self,
        slug: str,
        status: int,
        title: str,
        detail: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`slug` becomes the `type` URI; `title` is the same for every problem of that type."""
        super().__init__(f"{status} {slug}: {detail or title}")
        self.slug, self.status, self.title, self.detail = slug, status, title, detail
        self.errors = list(errors)[:MAX_FIELD_ERRORS]
        self.headers = dict(headers or {})


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` entry of a route for the problems it may answer."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": "Problem details (RFC 9457)", "content": content} for status in statuses}


def reply(problem: Problem, instance: str = "") -> JSONResponse:
    """Return the HTTP answer of a problem."""
    body = ProblemDetails(
        type=TYPE_BASE + problem.slug,
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        instance=instance,
        errors=problem.errors,
    )
    return JSONResponse(body.model_dump(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_TITLES = {401: "Not authenticated", 403: "Not allowed", 404: "Not found", 405: "Method not allowed"}


def install(app: FastAPI) -> None:
    """Make every error of an application a problem."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return reply(error, request.url.path)

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = [
            FieldError(pointer=_pointer(one["loc"]), detail=one["msg"].removeprefix("Value error, "))
            for one in error.errors()
        ]
        problem = Problem("invalid-request", 422, "The request does not fit its description", errors=errors)
        return reply(problem, request.url.path)

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        title = _TITLES.get(error.status_code, "The request was refused")
        slug = title.lower().replace(" ", "-")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(request))
        problem = Problem(slug, error.status_code, title, str(error.detail), headers=headers)
        return reply(problem, request.url.path)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _allowed(request: Request) -> list[str]:
    """Return the methods of all routes at an address: each method has a route of its own here."""
    routes: Sequence[BaseRoute] = request.app.routes
    asked = {method: {**request.scope, "method": method} for method in _METHODS}
    return [method for method, scope in asked.items() if any(one.matches(scope)[0] is Match.FULL for one in routes)]


def _pointer(location: Sequence[int | str]) -> str:
    place, *path = location
    if place == "body":
        return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    return ".".join(str(part) for part in location)
