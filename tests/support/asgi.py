"""Talk to an application in process, as a client over HTTP would."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import httpx
from fastapi import FastAPI


def client_of(app: FastAPI, key: str = "") -> httpx.AsyncClient:
    """Return a client of the application; `key` is sent as a bearer token when given."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tocsin.test", headers=headers)


class Answer(NamedTuple):
    """What the system said to a request."""

    status: int
    body: bytes


async def ask(app: FastAPI, method: str, path: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Answer:
    """Send bytes that no client library would; an exception that leaves the application is raised here."""
    target, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(target), "raw_path": target.encode(), "query_string": query.encode(), "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return (
            {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
            if parts
            else {"type": "http.disconnect"}
        )

    async def send(message: Any) -> None:
        said.append(message)

    await app(scope, receive, send)
    return Answer(said[0]["status"], b"".join(message.get("body", b"") for message in said[1:]))
