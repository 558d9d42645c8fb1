"""The HTTP side of one or several services: one application, problems, limits, traces, probes and metrics."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from time import perf_counter

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from opentelemetry.trace import StatusCode
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import problem, telemetry
from shared.db.port import DatabaseUnavailable
from shared.db.room import OutboxFull
from shared.log.port import LogUnavailable
from shared.problem import Problem
from shared.runtime import metrics
from shared.runtime.health import Health
from shared.runtime.openapi import describe, operation_id
from shared.runtime.service import Service
from shared.security.keys import KeyRing
from shared.security.rights import PROBE, requires

MAX_BODY_BYTES = 16 * 1024 * 1024
HEADERS_BYTES_MAX = 64 * 1024
"""Address, query and headers of one request together."""
BODIES_BYTES_MAX = 256 * 1024 * 1024
"""Of all requests under way together."""
BODY_WITHIN_S = 60.0
"""From the headers of a request to the last byte of its body."""
REQUESTS_MAX = 1_000
"""Under way at once; probes are answered beyond it."""
OUTBOX_RETRY_AFTER_S = 5
_PROBES = ("/healthz", "/readyz", "/metrics")
_log = telemetry.logger("http")


def make_app(services: Sequence[Service], keys: KeyRing, health: Health, version: str) -> FastAPI:
    """Return the application that serves these services under `/<service>/v1`, and the probes at the root."""
    names = "+".join(service.name for service in services)
    app = FastAPI(
        title=f"Tocsin {names}",
        version=version,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    app.state.keys = keys
    for service in services:
        app.include_router(service.router)
    _add_probes(app, health)
    problem.install(app)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(LogUnavailable, _unavailable)
    app.add_middleware(Edge, services=[service.name for service in services])
    served = [*app.routes, *(route for service in services for route in service.router.routes)]
    describe(app, [route for route in served if isinstance(route, APIRoute)])
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
    if isinstance(error, OutboxFull):
        refusal = Problem(
            "outbox-full",
            503,
            "Too much waits for the log",
            f"Nothing was stored; send the same again later. {error}.",
            headers={"Retry-After": str(OUTBOX_RETRY_AFTER_S)},
        )
    _log.warning("unavailable", route=getattr(request.scope.get("route"), "path_format", "unknown"), reason=str(error))
    return problem.reply(refusal, request.url.path)


class _Refused(Exception):
    """A bound of this process stands against the request."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


def _too_large() -> _Refused:
    detail = f"At most {MAX_BODY_BYTES} bytes; send smaller batches."
    return _Refused(Problem("body-too-large", 413, "The body is too large", detail))


def _busy() -> _Refused:
    detail, headers = "Nothing was stored; send again.", {"Retry-After": "1"}
    return _Refused(Problem("busy", 503, "Too much is under way", detail, headers=headers))


def _too_slow() -> _Refused:
    detail = f"All of it must come within {BODY_WITHIN_S:.0f} s; nothing was stored."
    return _Refused(Problem("body-too-slow", 408, "The body came too slowly", detail, headers={"Connection": "close"}))


def _refuse_announced(length: bytes) -> None:
    """A body that says itself that it is too large is not read at all."""
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large()


def _refuse_headers(scope: Scope) -> None:
    length = len(scope["path"]) + len(scope["query_string"])
    if length + sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_BYTES_MAX:
        raise _Refused(
            Problem("headers-too-large", 431, "The headers are too large", f"At most {HEADERS_BYTES_MAX} bytes.")
        )


class Edge:
    """Around every request: bounds on it and on what is under way at once, a span, a line, a count and a duration."""

    def __init__(self, app: ASGIApp, services: Sequence[str]) -> None:
        """`services` are those that are served; what is no service's own belongs to all of them."""
        self._app, self._services = app, services
        self._requests = self._bytes = 0
        """Under way now."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        method, first = scope["method"], scope["path"][1:].partition("/")[0]
        service = first if first in self._services else "+".join(self._services)
        if method == "HEAD":
            # A GET whose body the server leaves out (RFC 9110, 9.3.2): mail scanners and probes send it.
            scope = {**scope, "method": "GET"}
        origin = headers.get(b"traceparent", b"").decode("latin-1")
        began = perf_counter()
        with telemetry.within(service), telemetry.span(method, "server", [origin]) as span:
            status = 500
            try:
                status = await self._serve(scope, headers, receive, send)
            finally:
                took_s = perf_counter() - began
                route = getattr(scope.get("route"), "path_format", "unknown")
                metrics.REQUESTS.labels(service, method, route, status).inc()
                metrics.REQUEST_SECONDS.labels(service, method, route).observe(took_s)
                span.update_name(f"{method} {route}")
                span.set_attributes(
                    {"http.request.method": method, "http.route": route, "http.response.status_code": status}
                )
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
                # Never the path or the query: one-time links have their secret there.
                tell = _log.debug if route in _PROBES else _log.info
                tell("request", method=method, route=route, status=status, duration_ms=round(took_s * 1_000, 2))

    def _refuse_when_busy(self, scope: Scope) -> None:
        if self._requests > REQUESTS_MAX and scope["path"] not in _PROBES:
            raise _busy()

    async def _serve(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> int:
        """Serve, and return the status that was answered."""
        status, read, complete = 500, 0, False
        refused: _Refused | None = None
        deadline = asyncio.get_running_loop().time() + BODY_WITHIN_S

        async def counted_receive() -> Message:
            nonlocal read, complete, refused
            try:
                # After its last part one may wait for the end of the connection as long as one likes.
                async with asyncio.timeout_at(None if complete else deadline):
                    message = await receive()
            except TimeoutError:
                refused = _too_slow()
                raise refused from None
            complete = not message.get("more_body", False)
            length = len(message.get("body", b""))
            read += length
            self._bytes += length
            if read > MAX_BODY_BYTES:
                refused = _too_large()
            elif self._bytes > BODIES_BYTES_MAX:
                refused = _busy()
            if refused is not None:
                raise refused
            return message

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if refused is not None:
                    # FastAPI takes whatever stops it from reading a body for bad syntax, and answers 400.
                    raise refused
                status = message["status"]
            await send(message)

        self._requests += 1
        try:
            _refuse_announced(headers.get(b"content-length", b"0"))
            _refuse_headers(scope)
            self._refuse_when_busy(scope)
            await self._app(scope, counted_receive, noted_send)
        except _Refused as refusal:
            status = refusal.problem.status
            # A path may be what is too long.
            instance = "" if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE else scope["path"]
            await problem.reply(refusal.problem, instance)(scope, receive, send)
        finally:
            self._requests -= 1
            self._bytes -= read
        return status
