"""What stands at the other end of the demo's messages: a mail server and a webhook receiver, real ones, on loopback.

Both only keep what arrives. The receiver checks each signature as a customer's would, with the public library of
Standard Webhooks, and refuses what does not fit.
"""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tocsin.demo.child import free_port

HOST = "127.0.0.1"
_MAX_BODY = 1_000_000


@dataclass(frozen=True)
class Mail:
    """One e-mail as it arrived."""

    recipient: str
    subject: str
    text: str
    id: str


@dataclass(frozen=True)
class Hook:
    """One webhook call as it arrived, its signature checked."""

    id: str
    body: dict[str, Any]


class MailSink:
    """Takes every e-mail and delivers none."""

    def __init__(self) -> None:
        """Nothing listens until `listening`."""
        self.mails: list[Mail] = []
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one e-mail per recipient."""
        raw = envelope.content or b""
        parsed = message_from_bytes(raw if isinstance(raw, bytes) else raw.encode(), policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        plain = parsed.get_body(("plain",))
        text = plain.get_content() if plain is not None else ""
        for recipient in envelope.rcpt_tos:
            self.mails.append(Mail(recipient, str(parsed["subject"]), text, str(parsed["message-id"])))
        return "250 kept"


@dataclass
class HookSink:
    """Takes signed webhook calls; the secret is made anew for each run."""

    secret: str = field(default_factory=lambda: f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}")
    hooks: list[Hook] = field(default_factory=list)
    refused: int = 0
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a call whose signature fits; return the HTTP status."""
        try:
            content = Webhook(self.secret).verify(body, headers)
        except (WebhookVerificationError, json.JSONDecodeError, UnicodeDecodeError):
            self.refused += 1
            return 401
        self.hooks.append(Hook(headers["webhook-id"], content))
        return 204


@contextmanager
def listening(mails: MailSink, hooks: HookSink) -> Iterator[None]:
    """Listen with both on ports that are free, until the block ends."""
    mails.port = free_port()
    smtp = Controller(mails, hostname=HOST, port=mails.port)
    smtp.start()
    http = ThreadingHTTPServer((HOST, 0), _handler(hooks))
    serving = threading.Thread(target=http.serve_forever, name="webhook receiver", daemon=True)
    serving.start()
    try:
        hooks.url = f"http://{HOST}:{http.server_port}/hooks/tocsin"
        yield
    finally:
        smtp.stop()
        http.shutdown()
        http.server_close()
        serving.join()


def _handler(sink: HookSink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length) if length <= _MAX_BODY else b""
            status = sink.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the demo tells what arrived."""

    return Handler
