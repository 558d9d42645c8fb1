"""Real HTTP receivers of this process, for the webhook channel."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trustme
import uvicorn
from fastapi import FastAPI, Request, Response
from standardwebhooks.webhooks import Webhook
from starlette.types import ASGIApp

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ANOTHER = "whsec_c2Vjb25kIHNlY3JldCBvZiBhbiBlbmRwb2ludA=="


class Receiver:
    """Verifies what it is sent by one secret, keeps it, and answers as it is told to."""

    def __init__(self, secret: str = SECRET) -> None:
        self.webhook = Webhook(secret)
        self.received: dict[str, list[dict[str, object]]] = {}
        self.hosts: list[str] = []
        self.answer = Response(status_code=204)
        self.hang = asyncio.Event()
        self.hang.set()
        self.app = FastAPI()
        self.app.post("/{path:path}")(self._receive)

    async def _receive(self, request: Request) -> Response:
        body = self.webhook.verify(await request.body(), dict(request.headers))
        self.received.setdefault(request.headers["webhook-id"], []).append(body)
        self.hosts.append(request.headers["host"])
        await self.hang.wait()
        return self.answer


@asynccontextmanager
async def serving(app: ASGIApp, certificate: trustme.LeafCert | None = None) -> AsyncIterator[int]:
    """Serve an application on a free port of the loopback until the body ends."""

    def encrypted(_config: uvicorn.Config, _default: object) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        assert certificate is not None
        certificate.configure_cert(context)
        return context

    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
        ssl_context_factory=encrypted if certificate else None,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve([listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await running
