"""A story over the whole deployment, with its mishaps: facts, an alert, messages, an answer, a verdict, a survey."""

import datetime as dt
from email.message import Message as Mail
from typing import Any, NamedTuple

from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.log.kafka import open_kafka_log
from shared.log.port import Outgoing
from tests.support import small_book
from tests.support.processes import System, eventually

LAST_MONTH = 5
"""July: seven of ten miss, so the alert stands; and one loan is charged off."""
_SEND_TIMEOUT_S = 10.0


class Mailbox(Message):
    """Keeps every e-mail; knows nobody by the name of gone."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Mail] = []

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: Mail) -> None:
        self.mails.append(message)

    def to(self, address: str) -> list[Mail]:
        """Return what came for one address."""
        return [mail for mail in self.mails if mail["To"] == address]


class Story(NamedTuple):
    """Where it came to."""

    system: System
    mailbox: Mailbox
    alert: str


def tell(system: System, mailbox: Mailbox) -> Story:
    """Tell the story from the first fact to what people say of it; return what it is about."""
    _appoint(system)
    _lend(system)
    (alert,) = [one for one in system.get("/risk/v1/alerts", state="open")["items"] if "missed" in one["indicator"]]
    assert alert["level"] == "red"
    _answer(system, alert["id"])
    return Story(system, mailbox, alert["id"])


def _answer(system: System, alert: str) -> None:
    """Anna takes the alert on from her inbox, judges it, and leaves a remark."""
    inbox = "/notify/v1/inbox/anna"
    eventually(lambda: system.get(inbox)["items"], 30)
    (message,) = [item["id"] for item in system.get(inbox)["items"] if alert in str(item)]
    taking = system.post(f"{inbox}/{message}/acknowledgements", {"alert": alert, "comment": "on it"})
    assert taking.status_code == 202, taking.text
    verdict = system.post(f"/feedback/v1/alerts/{alert}/verdicts", {"verdict": "true", "by": "anna"})
    assert verdict.status_code in (201, 202), verdict.text
    remark = {"book": small_book.BOOK, "kind": "loan", "subject": "l1", "by": "anna", "text": "pays again"}
    assert system.post("/feedback/v1/remarks", remark).status_code == 201


def _appoint(system: System) -> None:
    """Anna answers for missed payments, also by e-mail; nobody reaches the other."""
    put = {
        "people/anna": {"name": "Anna", "email": "anna@bank.example"},
        "people/gone": {"name": "Gone", "email": "gone@bank.example"},
        "routes/missed": {
            "match": {"indicators": ["missed_payment_rate"]},
            "people": ["anna", "gone"],
            "channels": ["inbox", "email"],
        },
    }
    for path, body in put.items():
        answer = system.request("PUT", f"/notify/v1/{path}", json=body)
        assert answer.status_code in (200, 201), answer.text
    silence = {
        "match": {"indicators": ["missed_payment_rate"], "levels": ["amber"]},
        "ends_at": (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat(),
        "author": "anna",
        "comment": "known",
    }
    answer = system.post("/notify/v1/silences", silence)
    assert answer.status_code == 201, answer.text


def _lend(system: System) -> None:
    """Half a year of a small book, in which two loans end well and one badly."""
    assert system.post("/intake/v1/books", small_book.OPENING).status_code == 201
    policy: dict[str, Any] = {"content": small_book.POLICY.encode(), "headers": {"Content-Type": "text/yaml"}}
    assert system.request("POST", "/risk/v1/policies", **policy).status_code == 201
    system.send_facts(small_book.beginnings())
    contact = {
        "book": small_book.BOOK,
        "points": [{"channel": "email", "address": "client@home.example"}],
        "consents": [{"channel": "email", "purpose": "survey", "given": True, "since": "2023-01-01"}],
    }
    assert system.request("PUT", "/intake/v1/clients/c9/contact", json=contact).status_code == 200
    for index in range(LAST_MONTH + 1):
        system.send_facts(small_book.month_of_facts(index))
        _close(system, small_book.end_of(index))
    day = small_book.end_of(LAST_MONTH) + dt.timedelta(days=1)
    paid = {"amount": "1.00", "currency": "EUR"}
    outcomes = system.send_facts(
        [
            small_book.fact("end-9", "loan.closed", day, loan="l9"),
            small_book.fact("end-8", "loan.closed", day, loan="l8"),
            small_book.fact("after", "repayment.received", day, loan="l7", **paid),
            small_book.fact("unknown", "repayment.received", day, loan="nobodys", **paid),
            small_book.fact("wrong", "repayment.received", day, loan="l1", amount="much", currency="EUR"),
        ]
    )
    assert [item["outcome"] for item in outcomes] == ["accepted", "accepted", "accepted", "waiting", "refused"], (
        outcomes
    )
    _close(system, day)


def _close(system: System, day: dt.date) -> None:
    closing = {"day": day.isoformat(), "known_at": f"{day}T23:00:00Z"}
    assert system.post(f"/intake/v1/books/{small_book.BOOK}/closes", closing).status_code in (200, 201)
    system.settle(small_book.BOOK)


async def poison(kafka: str) -> None:
    """Write into intake's topic what nobody can read."""
    log = open_kafka_log(kafka)
    try:
        await log.append([Outgoing("tocsin.intake", 0, b"key", (), b"no event")], _SEND_TIMEOUT_S)
    finally:
        await log.close()
