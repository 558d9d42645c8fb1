"""The HTTP side of one or several services: one application, problems, limits, traces, probes and metrics."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import problem, telemetry
from shared.db.port import DatabaseUnavailable
from shared.log.port import LogUnavailable
from shared.problem import Problem, ProblemDetails
from shared.runtime import metrics
from shared.runtime.health import Health
from shared.runtime.service import Service
from shared.security.keys import KeyRing
from shared.security.rights import PROBE, requires

MAX_BODY_BYTES = 16 * 1024 * 1024


def make_app(services: Sequence[Service], keys: KeyRing, health: Health, version: str) -> FastAPI:
    """Return the application that serves these services under `/<service>/v1`, and the probes at the root."""
    names = "+".join(service.name for service in services)
    app = FastAPI(title=f"Tocsin {names}", version=version, docs_url=None, redoc_url=None)
    app.state.keys = keys
    for service in services:
        app.include_router(service.router)
    _add_probes(app, health)
    problem.install(app)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(LogUnavailable, _unavailable)
    app.add_middleware(Edge, service=names)
    _describe(app)
    return app


def _add_probes(app: FastAPI, health: Health) -> None:
    @app.get("/healthz", dependencies=[requires(PROBE)], tags=["probes"])
    async def healthz() -> dict[str, str]:
        """Tell that the process lives; says nothing about what it stands on."""
        return {"status": "alive"}

    @app.get("/readyz", dependencies=[requires(PROBE)], tags=["probes"], responses={503: {"description": "Not ready"}})
    async def readyz() -> JSONResponse:
        """Tell whether the service can do its work, and if not, why."""
        reasons = await health.reasons()
        body = {"status": "waiting" if reasons else "ready", "reasons": reasons}
        return JSONResponse(body, 503 if reasons else 200)

    @app.get(
        "/metrics",
        dependencies=[requires("metrics:read")],
        tags=["probes"],
        response_class=PlainTextResponse,
        responses=problem.answers(401, 403),
    )
    async def read_metrics() -> Response:
        """Return all metrics in Prometheus' text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    refusal = Problem(
        "unavailable",
        503,
        "Not available now",
        "Nothing was stored, or it is not known whether it was; send the same again.",
        headers={"Retry-After": "1"},
    )
    telemetry.logger("http").warning("unavailable", path=request.url.path, reason=str(error))
    return problem.reply(refusal, request.url.path)


def _describe(app: FastAPI) -> None:
    """Complete the OpenAPI document: the key scheme, the problem schema, and each route's right."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {}).setdefault(
            "ProblemDetails", ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        )
        schema = parts["schemas"]["ProblemDetails"]
        for name, nested in schema.pop("$defs", {}).items():
            parts["schemas"].setdefault(name, nested)
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


class _BodyTooLarge(Exception):
    pass


def _refuse_announced(length: bytes) -> None:
    """A body that says itself that it is too large is not read at all."""
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _BodyTooLarge


class Edge:
    """Around every request: a bound on the body, a trace, a count and a duration."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        """`service` labels the metrics."""
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        telemetry.continue_trace(headers.get(b"traceparent", b"").decode("latin-1"))
        began, status, read = perf_counter(), 500, 0

        async def counted_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise _BodyTooLarge
            return message

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            _refuse_announced(headers.get(b"content-length", b"0"))
            await self._app(scope, counted_receive, noted_send)
        except _BodyTooLarge:
            refusal = Problem(
                "body-too-large", 413, "The body is too large", f"At most {MAX_BODY_BYTES} bytes; send smaller batches."
            )
            status = 413
            await problem.reply(refusal, scope["path"])(scope, receive, send)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            metrics.REQUESTS.labels(self._service, scope["method"], route, status).inc()
            metrics.REQUEST_SECONDS.labels(self._service, scope["method"], route).observe(perf_counter() - began)
