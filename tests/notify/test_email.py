"""The e-mail channel against real SMTP servers: what arrives, and what is said when it does not."""

import io
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from services.notify.domain.delivery import Outcome, Outgoing, Report
from services.notify.senders import open_senders
from services.notify.senders.console import ConsoleSender
from services.notify.senders.email import EmailSender
from services.notify.senders.inbox import InboxSender
from services.notify.settings import NotifySettings
from shared.clock import FrozenClock
from tests.notify.smtp import PASSWORD, USER, Mailbox, mail_server, scripted_server

CLOCK = FrozenClock(datetime(2024, 3, 1, 12, tzinfo=UTC))
MESSAGE = Outgoing(
    id="0123456789abcdef0123456789abcdef",
    channel="email",
    destination="ana@bank.example",
    subject="红色: Überfällig",
    text="One.\n.\nA line that begins with a point, and 中文.\n",
    html="<p>One &amp; 中文</p>",
    payload={},
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA) -> Iterator[Path]:
    with authority.cert_pem.tempfile() as path:
        yield Path(path)


def settings_of(port: int, **others: Any) -> NotifySettings:
    defaults: dict[str, Any] = {"smtp_tls": "none", "mail_from": "tocsin@bank.example", "send_timeout_s": 5.0}
    return NotifySettings(link_secrets="s" * 32, smtp_host="localhost", smtp_port=port, **defaults | others)


async def send(port: int, message: Outgoing = MESSAGE, **others: Any) -> Report:
    sender = EmailSender(settings_of(port, **others), CLOCK)
    report = await sender.send(message)
    await sender.close()
    return report


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
async def test_a_letter_arrives_encrypted_with_a_login(authority: trustme.CA, ca_file: Path, implicit: bool) -> None:
    mailbox = Mailbox()
    how: dict[str, Any] = {"smtp_tls": "tls"} if implicit else {"smtp_user": USER, "smtp_password": PASSWORD}
    async with mail_server(mailbox, authority.issue_cert("localhost"), implicit, login=not implicit) as port:
        report = await send(port, **{"smtp_tls": "starttls"} | how, smtp_ca_file=ca_file)
    assert f"{report.outcome}: {report.detail}" == "sent: SMTP 250 2.0.0"
    assert mailbox.users == [None if implicit else USER.encode()]


async def test_a_letter_says_what_it_is_and_has_text_and_html() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        assert (await send(port)).outcome is Outcome.SENT
        assert (await send(port)).outcome is Outcome.SENT
    first, second = mailbox.letters
    assert first.as_bytes() == second.as_bytes()
    assert {name: first[name] for name in ("From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted")} == {
        "From": "Tocsin <tocsin@bank.example>",
        "To": "ana@bank.example",
        "Subject": MESSAGE.subject,
        "Message-ID": "<0123456789abcdef0123456789abcdef@bank.example>",
        "Date": "Fri, 01 Mar 2024 12:00:00 +0000",
        "Auto-Submitted": "auto-generated",
    }
    assert first["List-Id"] == "Tocsin <notify.bank.example>"
    text, html = first.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert html.get_content().strip() == MESSAGE.html
    assert (first.get_content_type(), html.get_content_type()) == ("multipart/alternative", "text/html")


@pytest.mark.parametrize(
    "change",
    [
        {"destination": "ana@bank.example\r\nBcc: all@bank.example"},
        {"destination": "ana@bank.example\n"},
        {"destination": "ana@bank.example, bob@bank.example"},
        {"destination": "Ana <ana@bank.example>"},
        {"destination": "ana"},
        {"destination": "anä@bank.example"},
        {"destination": f"ana@{'b' * 250}.example"},
        {"subject": "Hello\r\nBcc: all@bank.example"},
        {"subject": "Hello\nthere"},
        {"subject": "Hello\x85there"},
        {"subject": "Hello\u2028there"},
        {"subject": "Hello\x00there"},
    ],
)
async def test_what_would_break_the_headers_is_refused_and_never_sent(change: dict[str, Any]) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        report = await send(port, MESSAGE._replace(**change))
    assert (report.outcome, mailbox.letters) == (Outcome.FAILED, [])
    assert "bank.example" not in report.detail


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        (Mailbox(at_rcpt="550 5.1.1 no ana@bank.example here"), "failed: while naming the recipient: SMTP 550 5.1.1"),
        (Mailbox(at_rcpt="450 4.2.1 ana@bank.example is full"), "retry: while naming the recipient: SMTP 450 4.2.1"),
        (Mailbox(at_data="554 5.7.1 spam"), "failed: while handing over the message: SMTP 554 5.7.1"),
        (Mailbox(at_data="451 later"), "retry: while handing over the message: SMTP 451"),
    ],
)
async def test_a_refusal_is_final_or_for_now_and_its_text_is_not_kept(mailbox: Mailbox, expected: str) -> None:
    async with mail_server(mailbox) as port:
        report = await send(port)
    assert f"{report.outcome}: {report.detail}" == expected


READY = ("220 localhost", "250 localhost")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ((), "retry: while connecting: "),
        (("220 localhost",), "retry: while "),
        (("220 localhost", "..."), "retry: while naming the sender: no answer within 0.5 s"),
        (("...",), "retry: while connecting: no answer within 0.5 s"),
        (("554 not for you",), "retry: while connecting: SMTP 554"),
        ((*READY, "250 OK"), "retry: while naming the recipient: "),
        ((*READY, "250 OK", "421 closing"), "retry: while naming the recipient: SMTP 421"),
        ((*READY, "250 OK", "250 OK"), "unknown: while handing over the message: "),
        ((*READY, "250 OK", "250 OK", "354 go on"), "unknown: while handing over the message: "),
        ((*READY, "250 OK", "250 OK", "354 go on", "..."), "unknown: while handing over the message: no answer "),
        ((*READY, "250 OK", "250 OK", "354 go on", "250 kept"), "sent: SMTP 250"),
        (("nonsense",), "retry: while connecting: "),
    ],
    ids=lambda value: "-".join(one[:3] for one in value) if isinstance(value, tuple) else "",
)
async def test_a_server_that_breaks_off_is_judged_by_how_far_it_came(script: tuple[str, ...], expected: str) -> None:
    async with scripted_server(*script) as port:
        report = await send(port, send_timeout_s=0.5)
    assert f"{report.outcome}: {report.detail}".startswith(expected)


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        report = await send(unused.getsockname()[1])
    assert (report.outcome, report.detail) == (Outcome.RETRY, "while connecting: ConnectionRefusedError")


async def test_nothing_is_sent_in_clear_when_encryption_is_asked_for(ca_file: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        assert (await send(port, smtp_tls="starttls", smtp_ca_file=ca_file)).outcome is Outcome.RETRY
        assert (await send(port, smtp_tls="tls", smtp_ca_file=ca_file)).outcome is Outcome.RETRY
    assert mailbox.letters == []


async def test_a_certificate_must_be_the_servers_own_and_trusted(authority: trustme.CA, ca_file: Path) -> None:
    mailbox = Mailbox()
    for certificate in (authority.issue_cert("elsewhere.example"), trustme.CA().issue_cert("localhost")):
        async with mail_server(mailbox, certificate, implicit=True) as port:
            report = await send(port, smtp_tls="tls", smtp_ca_file=ca_file)
        assert (report.outcome, report.detail) == (Outcome.RETRY, "while connecting: SSLCertVerificationError")
    assert mailbox.letters == []


async def test_a_wrong_password_is_a_matter_of_the_way_and_is_tried_again(authority: trustme.CA, ca_file: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, authority.issue_cert("localhost"), login=True) as port:
        report = await send(port, smtp_tls="starttls", smtp_ca_file=ca_file, smtp_user=USER, smtp_password="wrong")
    assert (report.outcome, report.detail, mailbox.letters) == (Outcome.RETRY, "while connecting: SMTP 535 5.7.8", [])


async def test_the_console_writes_a_message_and_the_inbox_has_it_already() -> None:
    stream = io.StringIO()
    report = await ConsoleSender(stream).send(MESSAGE)
    assert (report.outcome, MESSAGE.text in stream.getvalue()) == (Outcome.SENT, True)
    assert MESSAGE.subject in stream.getvalue()
    assert (await InboxSender().send(MESSAGE)).outcome is Outcome.SENT


async def test_a_message_without_html_is_plain_text() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        assert (await send(port, MESSAGE._replace(html=""))).outcome is Outcome.SENT
    assert mailbox.letters[0].get_content_type() == "text/plain"


async def test_channels_are_those_that_are_set_up() -> None:
    senders = open_senders(settings_of(25))
    assert set(senders) == {"email", "webhook", "inbox", "console"}
    assert {name for name, sender in senders.items() if sender.repeats_dropped} == {"webhook", "inbox"}
    assert "email" not in open_senders(settings_of(25).model_copy(update={"smtp_host": ""}))
    for sender in senders.values():
        await sender.close()
