"""Real SMTP servers of this process: aiosmtpd with TLS and login, and one that follows a bad script."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as MAIL
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "tocsin", "open sesame"


class Mailbox:
    """Keeps what it is given; refuses as it is told to."""

    def __init__(self, at_rcpt: str = "250 OK", at_data: str = "250 2.0.0 kept") -> None:
        self.at_rcpt, self.at_data = at_rcpt, at_data
        self.letters: list[EmailMessage] = []
        self.users: list[bytes | None] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        if self.at_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_rcpt

    async def handle_DATA(self, _server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.at_data.startswith("250"):
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=MAIL)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.users.append(session.auth_data)
        return self.at_data


class _Speaking(SMTP):
    """Can be hung up on."""

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, tls: trustme.LeafCert | None = None, implicit: bool = False, login: bool = False
) -> AsyncIterator[int]:
    """Serve a mailbox on a free port until the body ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if tls is not None:
        tls.configure_cert(context)
    starttls = tls is not None and not implicit

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False, auth_data=data.login)

    spoken: list[_Speaking] = []

    def protocol() -> SMTP:
        one = _Speaking(
            mailbox,
            hostname="localhost",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if login else None,
            auth_required=login,
        )
        spoken.append(one)
        return one

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context if implicit else None)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for one in spoken:
        one.hang_up()


@asynccontextmanager
async def scripted_server(*answers: str) -> AsyncIterator[int]:
    """Greet and answer line by line as scripted, then read one more line and drop the connection.

    After a 354 the whole message is read. An answer of `...` says nothing and keeps the connection open.
    """
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            if answer == "...":
                await over.wait()
                break
            writer.write(f"{answer}\r\n".encode())
            with suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n.\r\n" if answer.startswith("354") else b"\r\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    serving = set[asyncio.Task[None]]()

    def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    over.set()
    await asyncio.gather(*serving)
