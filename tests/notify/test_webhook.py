"""The webhook channel against real receivers: signatures, refusals, redirects, private addresses, what hangs."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import trustme
from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response

from services.notify.domain.content import Notice, webhook_body
from services.notify.domain.delivery import Outcome, Outgoing, Purpose, Report
from services.notify.senders.webhook import WebhookSender
from services.notify.senders.webhook.addresses import is_public, read_allowed
from services.notify.settings import NotifySettings
from services.notify.wording.samples import sample_alerts
from shared.clock import FrozenClock, SystemClock
from tests.notify.receiver import ANOTHER, SECRET, Receiver, serving

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"
NOTICES = webhook_body(sample_alerts(Purpose.OPENED, 2), datetime(2024, 3, 1, 12, tzinfo=UTC))
PAYLOAD = json.loads(json.dumps(NOTICES))


def message(url: str, *secrets: str, payload: dict[str, Any] = PAYLOAD) -> Outgoing:
    return Outgoing("m1", "webhook", "endpoint", "", "", "", payload, secrets or (SECRET,), url)


async def send(outgoing: Outgoing, allow: str = "127.0.0.0/8", timeout_s: float = 5.0) -> Report:
    settings = NotifySettings(link_secrets="s" * 32, webhook_allow=allow, send_timeout_s=timeout_s)
    sender = WebhookSender(settings)
    try:
        return await sender.send(outgoing)
    finally:
        await sender.close()


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    async with serving(receiver.app) as port:
        yield f"http://127.0.0.1:{port}/hooks?a=1"


async def test_a_message_arrives_signed_and_a_repeat_has_the_same_id(receiver: Receiver, url: str) -> None:
    for _ in range(2):
        assert await send(message(url)) == Report(Outcome.SENT, "HTTP 204")
    assert receiver.received == {"m1": [PAYLOAD, PAYLOAD]}


async def test_while_a_secret_is_changed_both_sides_of_the_change_can_verify(receiver: Receiver, url: str) -> None:
    old_one = Receiver(ANOTHER)
    async with serving(old_one.app) as port:
        for address in (url, f"http://127.0.0.1:{port}/"):
            assert (await send(message(address, SECRET, ANOTHER))).outcome is Outcome.SENT
    assert receiver.received == old_one.received == {"m1": [PAYLOAD]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(status_code=200, content="x" * 1_000_000), "sent: HTTP 200"),
        (Response(status_code=410), "failed: HTTP 410: the receiver does not want any more"),
        (Response(status_code=500), "retry: HTTP 500"),
        (Response(status_code=404), "retry: HTTP 404"),
        (Response(status_code=503, headers={"retry-after": "120"}), "retry: HTTP 503 after 120"),
        (Response(status_code=429, headers={"retry-after": "9" * 400}), "retry: HTTP 429 after 86400"),
        (Response(status_code=429, headers={"retry-after": "-5"}), "retry: HTTP 429"),
        (Response(status_code=503, headers={"retry-after": "soon"}), "retry: HTTP 503"),
        (
            Response(status_code=503, headers={"retry-after": "Fri, 01 Mar 2024 12:00:00 GMT"}),
            "retry: HTTP 503 after 0",
        ),
    ],
)
async def test_what_an_answer_means(receiver: Receiver, url: str, answer: Response, expected: str) -> None:
    receiver.answer = answer
    report = await send(message(url))
    after = "" if report.retry_after_s is None else f" after {report.retry_after_s:.0f}"
    assert f"{report.outcome}: {report.detail}{after}" == expected


async def test_a_wish_to_wait_may_be_a_date(receiver: Receiver, url: str) -> None:
    until = SystemClock().now() + timedelta(minutes=10)
    receiver.answer = Response(status_code=503, headers={"retry-after": format_datetime(until, usegmt=True)})
    report = await send(message(url))
    assert report.retry_after_s == pytest.approx(600, abs=5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(receiver: Receiver, url: str, status: int) -> None:
    elsewhere = Receiver()
    async with serving(elsewhere.app) as port:
        receiver.answer = RedirectResponse(f"http://127.0.0.1:{port}/", status)
        report = await send(message(url))
    assert (report.outcome, elsewhere.received) == (Outcome.RETRY, {})
    assert report.detail == f"HTTP {status}: redirects are not followed, the endpoint needs its new address"


async def test_a_receiver_that_hangs_costs_one_time_limit(receiver: Receiver, url: str) -> None:
    receiver.hang.clear()
    assert await send(message(url), timeout_s=0.3) == Report(Outcome.RETRY, "no answer within 0.3 s")
    receiver.hang.set()


async def test_of_an_answer_without_end_only_the_beginning_is_read() -> None:
    broken_off = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 100_000)
                await writer.drain()
        except ConnectionError:
            broken_off.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        report = await send(message(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
        await broken_off.wait()
    assert report == Report(Outcome.SENT, "HTTP 200")


async def test_a_yes_counts_although_its_body_never_ends() -> None:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n")
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        report = await send(message(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"), timeout_s=3.0)
        over.set()
    assert report == Report(Outcome.SENT, "HTTP 202")


async def test_a_receiver_that_talks_nonsense_or_hangs_up_is_tried_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop())
        writer.close()

    answers = [b"", b"220 ready\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\ncut"]
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        at = message(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        outcomes = [await send(at) for _ in range(3)]
    assert [report.outcome for report in outcomes] == [Outcome.SENT, Outcome.RETRY, Outcome.RETRY]
    assert outcomes[2].detail == "the connection failed: RemoteProtocolError"


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        report = await send(message(f"http://127.0.0.1:{unused.getsockname()[1]}/"))
    assert (report.outcome, report.detail) == (Outcome.RETRY, "no connection: ConnectionRefusedError")


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "http://8.8.8.8/",
        "ftp://8.8.8.8/",
        "https://me:secret@8.8.8.8/",
        "https:///nowhere",
        "/only/a/path",
        "https://x\r\ny/",
        "",
    ],
)
async def test_where_nothing_may_be_posted_to(url: str) -> None:
    report = await send(message(url), allow="")
    assert report.outcome is Outcome.FAILED
    assert "secret" not in report.detail


async def test_all_addresses_of_a_name_are_judged_and_none_is_asked_for_twice(
    receiver: Receiver, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with one private address among public ones is refused; a name that changes its mind leads nowhere."""
    port = url.split(":")[2].partition("/")[0]
    places = [["93.184.215.14", "127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def resolve(host: str, at: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, at)) for place in places.pop(0)]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, at, *a, **k: real(host, at, *a, **k) if host == "127.0.0.1"
                        else resolve(host, at))  # fmt: skip
    refused = await send(message(f"https://receiver.example:{port}/"), allow="")
    assert refused == Report(Outcome.FAILED, "the receiver has a private address that is not in webhook_allow")
    sent = await send(message(f"http://Receiver.example:{port}/hook"), allow="receiver.example")
    assert sent.outcome is Outcome.SENT
    assert asked == ["receiver.example", "receiver.example"]
    assert receiver.hosts == [f"receiver.example:{port}"]


async def test_over_https_the_certificate_must_be_that_of_the_name(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with serving(receiver.app, authority.issue_cert("localhost")) as port:
        assert (await send(message(f"https://localhost:{port}/"))).outcome is Outcome.SENT
        wrong_name = await send(message(f"https://127.0.0.1:{port}/"))
    async with serving(receiver.app, trustme.CA().issue_cert("localhost")) as port:
        stranger = await send(message(f"https://localhost:{port}/"))
    detail = "no connection: SSLCertVerificationError"
    assert wrong_name == stranger == Report(Outcome.RETRY, detail)
    assert list(receiver.received) == ["m1"]


async def test_a_name_without_an_address_is_tried_again() -> None:
    report = await send(message("https://nowhere.invalid/"))
    assert report == Report(Outcome.RETRY, "the receiver's name has no address")


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "whsec_中"])
async def test_a_secret_that_cannot_sign_is_a_failure(secret: str) -> None:
    assert (await send(message("https://8.8.8.8/", secret))).outcome is Outcome.FAILED


async def test_an_endpoint_without_a_secret_is_a_failure() -> None:
    report = await send(message("https://8.8.8.8/")._replace(secrets=()))
    assert report == Report(Outcome.FAILED, "the endpoint has no secret to sign with")


def test_the_list_of_what_is_allowed_is_read_and_judged() -> None:
    allowed = read_allowed(" Hooks.internal, 10.0.0.0/8,fd00::/8 , ")
    assert allowed.takes("hooks.internal", ip_address("192.168.0.1"))
    assert allowed.takes("x", ip_address("10.1.1.1"))
    assert allowed.takes("x", ip_address("fd00::1"))
    assert not allowed.takes("x", ip_address("192.168.0.1"))
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8, a b"):
        read_allowed("10.0.0.1/8, a b, fine.example")


@pytest.mark.parametrize(
    ("address", "public"),
    [("93.184.215.14", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True), ("64:ff9b::7f00:1", False),
     ("255.255.255.255", False), ("::", False), ("::ffff:8.8.8.8", True), ("ff02::1", False),
     ("64:ff9b:1::a00:1", False), ("fec0::1", False), ("::10.0.0.1", False), ("::ffff:0:10.0.0.1", False)],
)  # fmt: skip
def test_public_is_what_the_internet_reaches(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


async def test_the_documented_receiver_verifies_and_drops_repeats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    monkeypatch.setenv("TOCSIN_WEBHOOK_SECRET", SECRET)
    space: dict[str, Any] = {}
    exec(compile(code, str(DOCUMENT), "exec", dont_inherit=True), space)
    app = space["app"]
    assert isinstance(app, FastAPI)
    async with serving(app) as port:
        at = f"http://127.0.0.1:{port}/tocsin"
        assert [await send(message(at)) for _ in range(2)] == [Report(Outcome.SENT, "HTTP 204")] * 2
        assert (await send(message(at, ANOTHER))).detail == "HTTP 401"
        old = WebhookSender(
            NotifySettings(link_secrets="s" * 32, webhook_allow="127.0.0.1"),
            FrozenClock(datetime(2024, 3, 1, tzinfo=UTC)),
        )
        assert (await old.send(message(at))).detail == "HTTP 401"
        await old.close()
    assert all(f"`{name}`" in DOCUMENT.read_text() for name in Notice.__struct_fields__)
    assert capsys.readouterr().out == f"{PAYLOAD['type']} {PAYLOAD['data']}\n"
