"""E-mail over SMTP: one connection per message, encrypted as set, never less.

What a server answers to the message itself decides for good (5xx) or for now (4xx). What goes wrong before that (no
server, no TLS, no login) is about the way and not about the message, so it is tried again.
"""

import asyncio
import re
import ssl
from enum import StrEnum

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from services.notify.domain.delivery import Outcome, Outgoing, Report
from services.notify.senders.email.letter import Unwritable, make_letter
from services.notify.settings import NotifySettings
from shared.clock import Clock, SystemClock

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b", re.ASCII)


class _Step(StrEnum):
    """How far an attempt has come."""

    CONNECT = "connecting"
    MAIL = "naming the sender"
    RCPT = "naming the recipient"
    DATA = "handing over the message"


class EmailSender:
    """Sends e-mails through one SMTP server."""

    channel = "email"
    repeats_dropped = False

    def __init__(self, settings: NotifySettings, clock: Clock | None = None) -> None:
        """Read the certificates; OSError when they cannot be."""
        self._settings = settings
        self._clock = clock or SystemClock()
        self._tls = ssl.create_default_context(cafile=settings.smtp_ca_file) if settings.smtp_tls != "none" else None

    async def send(self, message: Outgoing) -> Report:
        """Hand one e-mail over to the server."""
        settings = self._settings
        try:
            letter = make_letter(message, settings.mail_from, self._clock.now())
        except Unwritable as unwritable:
            return Report(Outcome.FAILED, str(unwritable))
        attempt = _Attempt(self._connection(), settings.mail_from, message.destination, letter)
        try:
            async with asyncio.timeout(settings.send_timeout_s):
                return await attempt.run()
        except TimeoutError:
            return attempt.broken(f"no answer within {settings.send_timeout_s:g} s")
        finally:
            attempt.smtp.close()

    async def close(self) -> None:
        """Nothing is held open between messages."""

    def _connection(self) -> SMTP:
        settings = self._settings
        return SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password or None,
            local_hostname=settings.mail_from.rpartition("@")[2],
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=self._tls,
            timeout=None,
        )


class _Attempt:
    def __init__(self, smtp: SMTP, sender: str, recipient: str, letter: bytes) -> None:
        self.smtp = smtp
        self._sender, self._recipient, self._letter = sender, recipient, letter
        self._step = _Step.CONNECT

    async def run(self) -> Report:
        try:
            await self.smtp.connect()
            self._step = _Step.MAIL
            await self.smtp.mail(self._sender)
            self._step = _Step.RCPT
            await self.smtp.rcpt(self._recipient)
            self._step = _Step.DATA
            # From here on a connection that breaks may have carried the whole message.
            response = await self.smtp.data(self._letter)
            return Report(Outcome.SENT, _said(response.code, response.message))
        except SMTPResponseException as refusal:
            return self._refused(refusal)
        except (SMTPException, OSError, RuntimeError, ValueError) as error:
            return self.broken(type(error.__cause__ or error).__name__)

    def broken(self, how: str) -> Report:
        """Report an attempt that ended without an answer."""
        outcome = Outcome.UNKNOWN if self._step is _Step.DATA else Outcome.RETRY
        return Report(outcome, f"while {self._step.value}: {how}")

    def _refused(self, refusal: SMTPResponseException) -> Report:
        final = refusal.code >= 500 and self._step is not _Step.CONNECT
        # The server's text often repeats the address: only its codes are kept.
        said = _said(refusal.code, refusal.message)
        return Report(Outcome.FAILED if final else Outcome.RETRY, f"while {self._step.value}: {said}")


def _said(code: int, text: str) -> str:
    enhanced = _ENHANCED.match(text)
    return f"SMTP {code}" + (f" {enhanced.group()}" if enhanced else "")
