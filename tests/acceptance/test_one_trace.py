"""One fact is followed by its trace id through all services; lines and spans tell of it, and of nobody's person."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tocsin.system
from shared import telemetry
from shared.db import migrate
from shared.runtime import lifecycle
from shared.runtime.platform import embedded
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.support import small_book
from tests.support.processes import free_port

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
NAME, ADDRESS = "Kanarienvogel Zwei", "kanarienvogel@example.org"


class Told:
    """What a run says of itself: spans, log lines, metrics."""

    def __init__(self) -> None:
        self.exporter, self.written = InMemorySpanExporter(), io.StringIO()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def of_trace(self) -> set[tuple[str, str]]:
        """Return (service, span) of the trace."""
        return {
            (str(span.resource.attributes["service.name"]), span.name)
            for span in self.spans
            if span.context is not None and f"{span.context.trace_id:032x}" == TRACE
        }


@pytest.fixture
def told() -> Iterator[Told]:
    found, root = Told(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    telemetry.export_spans(SimpleSpanProcessor(found.exporter), version="test")
    telemetry.configure_logs("json", "DEBUG")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(found.written)
    logging.getLogger("httpcore").setLevel("INFO")
    yield found
    root.handlers[:] = handlers
    root.setLevel(level)
    telemetry.close_traces()


@asynccontextmanager
async def system(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run all services in this process, on files."""
    keys, port, stop = KeyRing(folder / "keys.json"), free_port(), asyncio.Event()
    _, secret = keys.add("all", list(RIGHTS), "2020-01-01")
    url, started = f"http://127.0.0.1:{port}", asyncio.Event()

    async def announce() -> None:
        started.set()

    async with embedded(folder, list(tocsin.system.SERVICES)) as opened:
        for name, database in opened.databases.items():
            await migrate.upgrade(database, f"services.{name}")
        composed = tocsin.system.compose(folder, url, opened)
        running = asyncio.create_task(
            lifecycle.run(composed, opened.platform, keys, "127.0.0.1", port, "test", announce, stop)
        )
        try:
            async with asyncio.timeout(30):
                await started.wait()
            headers = {"Authorization": f"Bearer {secret}"}
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
                yield client
        finally:
            stop.set()
            await running


async def until(what: Callable[[], Any], within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - what is told of a run rings no bell
            await asyncio.sleep(0.02)


async def send(client: httpx.AsyncClient, facts: list[dict[str, Any]], **headers: str) -> None:
    headers = {"Content-Type": "application/x-ndjson", **headers}
    answer = await client.post("/intake/v1/facts", content="\n".join(map(json.dumps, facts)), headers=headers)
    assert answer.json()["accepted"] == len(facts), answer.text


async def prepare(client: httpx.AsyncClient) -> None:
    """Open the small book with its policy, clients and loans."""
    assert (await client.post("/intake/v1/books", json=small_book.OPENING)).status_code == 201
    assert (await client.post("/risk/v1/policies", json={"text": small_book.POLICY})).status_code == 201
    await send(client, small_book.beginnings())


async def close_january(client: httpx.AsyncClient) -> None:
    """Close the first month, and wait until risk has rated it."""
    closed = {"day": "2023-01-31", "known_at": "2023-01-31T18:00:00Z"}
    assert (await client.post(f"/intake/v1/books/{small_book.BOOK}/closes", json=closed)).status_code == 201
    async with asyncio.timeout(30):
        while True:
            answer = await client.get("/risk/v1/progress", params={"book": small_book.BOOK})
            if answer.status_code == 200 and answer.json()["evaluated_through"] == "2023-01-31":
                return


async def test_one_fact_is_followed_through_all_services(tmp_path: Path, told: Told) -> None:
    async with system(tmp_path) as client:
        await prepare(client)
        await close_january(client)
        day = small_book.MONTHS[0]
        await send(client, [small_book.fact("x7", "loan.charged_off", day, loan="l7")], traceparent=TRACEPARENT)
        await until(lambda: {("notify", "send inbox"), ("feedback", "digest tocsin.risk")} <= told.of_trace())
    assert told.of_trace() >= {
        ("intake", "POST /intake/v1/facts"),
        ("intake", "send tocsin.intake"),
        ("risk", "digest tocsin.intake"),
        ("risk", "evaluate"),
        ("risk", "send tocsin.risk"),
        ("notify", "digest tocsin.risk"),
        ("notify", "send inbox"),
        ("feedback", "digest tocsin.risk"),
    }
    requests = [line for line in told.lines if line["event"] == "request" and line.get("trace_id") == TRACE]
    assert [(line["service"], line["method"], line["route"], line["status"]) for line in requests] == [
        ("intake", "POST", "/intake/v1/facts", 200)
    ]


async def test_nothing_that_is_told_names_a_person(tmp_path: Path, told: Told) -> None:
    contact = {
        "book": small_book.BOOK,
        "name": NAME,
        "points": [{"channel": "email", "address": ADDRESS}],
        "consents": [{"channel": "email", "purpose": "survey", "given": True, "since": "2023-01-01"}],
    }
    wrong = {**contact, "points": [{"channel": "email", "address": f"{ADDRESS}\r\nBcc: {ADDRESS}"}], "surname": NAME}
    async with system(tmp_path) as client:
        await prepare(client)
        assert (await client.put("/intake/v1/clients/c1/contact", json=contact)).status_code == 200
        assert (await client.put("/intake/v1/clients/c1/contact", json=wrong)).status_code == 422
        assert (await client.get("/risk/v1/clients/c1", params={"book": NAME})).status_code == 422
        assert (await client.get(f"/feedback/v1/pages/surveys/{ADDRESS}")).status_code < 500
        await until(
            lambda: (
                {("notify", "digest tocsin.contacts"), ("feedback", "digest tocsin.contacts")}
                <= {(str(span.resource.attributes["service.name"]), span.name) for span in told.spans}
            )
        )
        metrics = (await client.get("/metrics")).text
    said = told.written.getvalue() + "".join(span.to_json() for span in told.spans) + metrics
    assert "/intake/v1/clients/{id}/contact" in said
    for word in (*NAME.split(), "kanarienvogel"):
        assert word not in said
