"""What one process takes at once over HTTP: more is refused with a problem, and probes are answered all the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import APIRouter, Request

from shared.db.sqlite import open_sqlite
from shared.runtime import http
from shared.runtime.bell import Bell
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Service
from shared.security.keys import KeyRing
from shared.security.rights import PROBE, requires
from tests.shared.test_consume import HOUSE
from tests.support.asgi import client_of


class Slow:
    """A service whose one route reads its body and answers when it is told to."""

    def __init__(self) -> None:
        self.entered, self.go_on = asyncio.Semaphore(0), asyncio.Event()
        self.router = APIRouter()

        @self.router.post("/slow/v1/work", dependencies=[requires(PROBE)])
        async def work(request: Request) -> int:
            length = len(await request.body())
            self.entered.release()
            await self.go_on.wait()
            return length


@pytest.mark.parametrize(("bound", "value"), [("REQUESTS_MAX", 2), ("BODIES_BYTES_MAX", 250)])
async def test_too_much_at_once_is_a_503_until_some_of_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(http, bound, value)
    slow, database = Slow(), open_sqlite(None)
    service = Service("slow", slow.router, database, HOUSE, Bell())
    async with client_of(make_app([service], KeyRing(tmp_path / "keys.json"), Health(), "0")) as client:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            under_way = [tasks.create_task(client.post("/slow/v1/work", content=b"x" * 100)) for _ in range(2)]
            for _ in under_way:
                await slow.entered.acquire()
            refused = await client.post("/slow/v1/work", content=b"x" * 100)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["type"].endswith("/busy")
            assert (await client.get("/healthz")).status_code == 200
            slow.go_on.set()
        assert [(await one).json() for one in under_way] == [100, 100]
        assert (await client.post("/slow/v1/work", content=b"x" * 100)).status_code == 200
    await database.close()


async def test_headers_that_are_too_large_are_refused(tmp_path: Path) -> None:
    slow, database = Slow(), open_sqlite(None)
    service = Service("slow", slow.router, database, HOUSE, Bell())
    async with client_of(make_app([service], KeyRing(tmp_path / "keys.json"), Health(), "0")) as client:
        refused = await client.get("/healthz", headers={"x-long": "a" * 66_000})
        assert (refused.status_code, refused.json()["title"]) == (431, "The headers are too large")
    await database.close()


async def test_a_body_that_comes_too_slowly_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_WITHIN_S", 0.05)
    slow, database = Slow(), open_sqlite(None)
    slow.go_on.set()
    service = Service("slow", slow.router, database, HOUSE, Bell())

    async def dripping() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with client_of(make_app([service], KeyRing(tmp_path / "keys.json"), Health(), "0")) as client:
        refused = await client.post("/slow/v1/work", content=dripping())
        assert (refused.status_code, refused.headers["connection"]) == (408, "close")
        assert refused.json()["title"] == "The body came too slowly"
        assert (await client.post("/slow/v1/work", content=b"x")).status_code == 200
    await database.close()
