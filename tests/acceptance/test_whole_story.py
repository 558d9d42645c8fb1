"""The whole story in sentences: told, answered, judged, asked. On files, and on real servers with two replicas of risk
and of notify; over a real mail server with TLS and to a real webhook receiver; each message once, and nothing else."""

import contextlib
import datetime as dt
import re
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import yaml
from aiosmtpd.controller import Controller

from tests.support import small_book
from tests.support.distributed import distributed_system
from tests.support.kafka import KafkaServer
from tests.support.processes import System, embedded_system, eventually, free_port
from tocsin.demo.sinks import HookSink, Mail, MailSink, listening

POLICY = (
    small_book.POLICY
    + """
    - id: satisfaction
      indicator: csat
      segments: portfolio
      period: month
      direction: below
      red: {enter: 50 %, leave: 60 %}
      owner: portfolio_manager
"""
)
PEOPLE = {
    "people": {
        "olga": {"name": "Olga", "language": "en", "roles": ["portfolio_manager"], "email": "olga@bank.example"},
        "wei": {"name": "伟", "language": "zh", "email": "wei@bank.example"},
    },
    "routes": {
        "owner": {"order": 10, "owner": True, "channels": ["email", "inbox"]},
        "red": {"order": 20, "match": {"levels": ["red"]}, "people": ["wei"], "channels": ["email"]},
        "desk": {"order": 30, "match": {}, "endpoints": ["desk"]},
    },
}
ALERT_LINK = re.compile(r"https?://\S+(/notify/v1/pages/alerts/[\w.~-]+)")
SURVEY_LINK = re.compile(r"https?://\S+(/feedback/v1/pages/surveys/[\w.~-]+)")


class Story:
    """The system with those who listen to it, and what they heard."""

    def __init__(self, system: System, mails: MailSink, hooks: HookSink) -> None:
        self.system, self.mails, self.hooks = system, mails, hooks

    def alert(self, indicator: str) -> dict[str, Any]:
        [found] = self.system.get("/risk/v1/alerts", indicator=indicator)["items"]
        alert: dict[str, Any] = found
        return alert

    def told(self, indicator: str) -> set[tuple[str, str, str]]:
        """Return what the webhook's receiver was told of an indicator: purpose, level, period."""
        return {
            (notice["purpose"], notice["level"], notice["period"])
            for hook in self.hooks.hooks
            for notice in hook.body["data"]["notices"]
            if notice["indicator"] == indicator
        }

    def mail_to(self, recipient: str, words: str) -> Mail:
        def arrived() -> Mail | None:
            return next((one for one in self.mails.mails if one.recipient == recipient and words in one.subject), None)

        mail: Mail = eventually(arrived, 20, lambda: str([(one.recipient, one.subject) for one in self.mails.mails]))
        return mail

    def page(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Open a page as a browser would: under one public address, without any key."""
        return httpx.request(method, self.system.url_of(path) + path, timeout=30, follow_redirects=True, **options)

    def close_month(self, index: int) -> None:
        end = small_book.end_of(index)
        answer = self.system.post(
            "/intake/v1/books/small/closes", {"day": end.isoformat(), "known_at": f"{end}T23:00:00Z"}
        )
        assert answer.status_code == 201, answer.text
        self.system.settle("small")

    def quiet(self) -> None:
        """Wait until nothing is on its way any more."""

        def nothing() -> bool:
            held = self.system.get("/notify/v1/held", state="waiting")["items"]
            messages = self.system.get("/notify/v1/messages", limit=500)["items"]
            return not held and not any(one["state"] in ("waiting", "sending") for one in messages)

        eventually(nothing, 30)


@contextlib.contextmanager
def ears(folder: Path) -> Iterator[tuple[MailSink, HookSink, dict[str, str]]]:
    """Listen with a mail server that insists on TLS, and with a webhook receiver; yield them and notify's settings."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    mails, hooks, port = MailSink(), HookSink(), free_port()
    smtp = Controller(mails, hostname="localhost", port=port, tls_context=context, require_starttls=True)
    with listening(MailSink(), hooks):
        people = {**PEOPLE, "endpoints": {"desk": {"url": hooks.url, "secrets": [hooks.secret]}}}
        (folder / "people.yaml").write_text(yaml.safe_dump(people, allow_unicode=True))
        smtp.start()
        try:
            yield (
                mails,
                hooks,
                {
                    "TOCSIN_PEOPLE_FILE": str(folder / "people.yaml"),
                    "TOCSIN_SMTP_HOST": "localhost",
                    "TOCSIN_SMTP_PORT": str(port),
                    "TOCSIN_SMTP_CA_FILE": str(folder / "ca.pem"),
                    "TOCSIN_WEBHOOK_ALLOW": "127.0.0.1",
                    "TOCSIN_GROUP_WINDOW_S": "0.1",
                    "TOCSIN_SURVEY_HISTORY": "true",
                },
            )
        finally:
            smtp.stop()


@pytest.fixture(scope="module")
def on_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("files")
    with ears(folder) as (mails, hooks, settings), embedded_system(folder, settings) as system:
        yield played(Story(system, mails, hooks))


@pytest.fixture(scope="module")
def on_servers(tmp_path_factory: pytest.TempPathFactory, postgres_server: str, kafka_server: str) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("servers")
    broker = KafkaServer(folder / "kafka")
    broker.start()
    try:
        with (
            ears(folder) as (mails, hooks, settings),
            distributed_system(folder, postgres_server, broker, settings=settings, notify=2) as system,
        ):
            yield played(Story(system, mails, hooks))
    finally:
        broker.stop()


@pytest.fixture(scope="module", params=["on_files", pytest.param("on_servers", marks=pytest.mark.servers)])
def story(request: pytest.FixtureRequest) -> Story:
    told: Story = request.getfixturevalue(request.param)
    return told


def played(story: Story) -> Story:
    """Play it: eight months of a small book, with people who answer."""
    system = story.system
    assert system.post("/intake/v1/books", small_book.OPENING).status_code == 201
    assert system.post("/risk/v1/policies", {"text": POLICY}).status_code in (200, 201)
    system.send_facts(small_book.beginnings())
    for client, agreed in (("c8", True), ("c9", True), ("c19", False)):
        contact = {
            "book": "small",
            "language": "zh" if client == "c9" else "en",
            "name": client,
            "points": [{"channel": "email", "address": f"{client}@clients.example"}],
            "consents": [{"channel": "email", "purpose": "survey", "given": agreed, "since": "2023-01-01"}],
        }
        assert system.request("PUT", f"/intake/v1/clients/{client}/contact", json=contact).status_code == 200
    for index in range(len(small_book.MONTHS)):
        system.send_facts(small_book.month_of_facts(index))
        if index == 5:
            eventually(lambda: system.get("/risk/v1/alerts", indicator="charge_off_rate")["items"], 20)
        if index == 6:
            day = small_book.end_of(index)
            closed = [small_book.fact(f"done-{n}", "loan.closed", day, loan=f"l{n}") for n in (8, 9, 19)]
            system.send_facts(closed)
        story.close_month(index)
        if index == 3:
            acknowledge(story, story.mail_to("olga@bank.example", "AMBER"))
    for client in ("c8", "c9"):
        answer(story, client)
    october = [
        small_book.fact(
            f"oct-{n}", "repayment.received", dt.date(2023, 10, 15), loan=f"l{n}", amount="110.00", currency="EUR"
        )
        for n in range(small_book.LOANS)
        if n not in (7, 8, 9, 19)
    ]
    system.send_facts(october)
    last = {"day": "2023-10-31", "known_at": "2023-10-31T23:00:00Z"}
    assert system.post("/intake/v1/books/small/closes", last).status_code == 201
    eventually(lambda: system.get("/risk/v1/alerts", indicator="csat")["items"], 20)
    undone = small_book.fact("undo", "fact.corrected", dt.date(2023, 11, 2), fact="x7")
    system.send_facts([undone])
    system.settle("small")
    eventually(lambda: story.alert("charge_off_rate")["state"] == "withdrawn", 20)
    eventually(lambda: any(purpose == "withdrawn" for purpose, *_ in story.told("charge_off_rate")), 20)
    story.quiet()
    return story


def acknowledge(story: Story, mail: Mail) -> None:
    """Follow the link of a message and acknowledge; wait until risk has decided (D15)."""
    link = ALERT_LINK.search(mail.text)
    assert link is not None, mail.text
    shown = story.page("GET", link[1])
    assert shown.status_code == 200
    assert not story.alert("missed_payment_rate")["acknowledged"], "looking acknowledges nothing (D21)"
    assert story.page("POST", f"{link[1]}/acknowledgement", data={"comment": "on it"}).status_code == 200
    eventually(lambda: story.alert("missed_payment_rate")["acknowledged"], 20)


def answer(story: Story, client: str) -> None:
    """Answer the survey that a client was invited to; a second answer changes nothing."""
    mail = story.mail_to(f"{client}@clients.example", "")
    link = SURVEY_LINK.search(mail.text)
    assert link is not None, mail.text
    assert story.page("GET", link[1]).status_code == 200
    assert story.page("POST", link[1], data={"csat": "2", "nps": "3", "text": "<b>slow</b>"}).status_code == 200
    again = story.page("POST", link[1], data={"csat": "5"})
    assert again.status_code == 410, again.text


def test_the_owner_is_told_when_it_opens_worsens_and_closes(story: Story) -> None:
    course = story.told("missed_payment_rate")
    assert ("opened", "amber", "2023-05") in course
    assert ("worsened", "red", "2023-06") in course
    assert {purpose for purpose, *_ in course} == {"opened", "worsened", "closed"}
    subjects = [one.subject for one in story.mails.mails if one.recipient == "olga@bank.example"]
    assert any("AMBER" in subject for subject in subjects)
    assert any("RED" in subject for subject in subjects)


def test_red_alerts_reach_the_second_person_in_chinese(story: Story) -> None:
    mail = story.mail_to("wei@bank.example", "红色")
    assert "预警" in mail.text
    assert not [one for one in story.mails.mails if one.recipient == "wei@bank.example" and "黄色" in one.subject]


def test_each_message_arrived_once(story: Story) -> None:
    assert [
        mail for mail, times in Counter((one.id, one.recipient) for one in story.mails.mails).items() if times > 1
    ] == []
    assert [hook for hook, times in Counter(one.id for one in story.hooks.hooks).items() if times > 1] == []
    sent = story.system.get("/notify/v1/messages", limit=500)["items"]
    assert {one["state"] for one in sent} == {"sent"}
    by_channel = Counter(one["channel"] for one in sent)
    assert (by_channel["email"], by_channel["webhook"]) == (len(story.mails.mails), len(story.hooks.hooks))
    assert story.hooks.refused == 0


def test_an_acknowledgement_by_link_is_decided_by_risk_and_shown(story: Story) -> None:
    alert = story.alert("missed_payment_rate")
    revisions = story.system.get(f"/risk/v1/alerts/{alert['id']}")["revisions"]
    [seen] = [one for one in revisions if one["change"] == "acknowledged"]
    assert seen["explanation"] == {"by": "olga", "comment": "on it"}


def test_who_was_told_of_a_charge_off_is_told_that_it_never_was(story: Story) -> None:
    told = story.told("charge_off_rate")
    assert {purpose for purpose, *_ in told} >= {"opened", "withdrawn"}
    for person, words in (("olga@bank.example", "WITHDRAWN"), ("wei@bank.example", "撤销")):
        texts = [f"{one.subject} {one.text}" for one in story.mails.mails if one.recipient == person]
        assert any(words.lower() in text.lower() for text in texts), texts


def test_clients_who_agreed_were_asked_once(story: Story) -> None:
    asked = [one.recipient for one in story.mails.mails if one.recipient.endswith("@clients.example")]
    assert sorted(asked) == ["c8@clients.example", "c9@clients.example"]
    skipped = story.system.get("/feedback/v1/surveys", state="skipped")["items"]
    assert ("c19", "loan_closed", "no_consent") in [(one["client"], one["occasion"], one["reason"]) for one in skipped]
    assert all(one["reason"] for one in skipped)


def test_dissatisfied_clients_ring_like_arrears(story: Story) -> None:
    alert = story.alert("csat")
    assert (alert["level"], alert["opened_period"], alert["numerator"], alert["denominator"]) == (
        "red",
        "2023-10",
        0,
        2,
    )
    assert ("opened", "red", "2023-10") in story.told("csat")


def test_a_verdict_counts_into_the_precision_of_its_rule(story: Story) -> None:
    alert = story.alert("missed_payment_rate")
    link = ALERT_LINK.search(story.mail_to("olga@bank.example", "AMBER").text)
    assert link is not None
    path = link[1].replace("/notify/", "/feedback/")
    form = {"verdict": "true", "outcome": "contacted", "comment": "<i>real</i>"}
    assert story.page("POST", f"{path}/verdict", data=form).status_code == 200
    eventually(lambda: story.alert("missed_payment_rate")["verdict"] == "true", 20)
    [one] = [row for row in story.system.get("/risk/v1/precision", book="small")["items"] if row["rule"] == "missed"]
    assert (one["true"], one["false"], one["precision"]) == (1, 0, 1.0)
    assert "&lt;i&gt;real&lt;/i&gt;" in story.page("GET", path).text
    assert alert["id"]


def test_a_verdict_on_a_withdrawn_alert_is_superseded(story: Story) -> None:
    alert = story.alert("charge_off_rate")["id"]
    given = story.system.post(f"/feedback/v1/alerts/{alert}/verdicts", {"verdict": "false", "by": "olga"})
    assert given.status_code in (200, 201), given.text

    def decisions() -> list[str]:
        return [one["decision"] for one in story.system.get("/feedback/v1/verdicts", alert=alert)["items"]]

    eventually(lambda: decisions() == ["superseded"], 20, lambda: str(decisions()))


@pytest.mark.servers
def test_both_ways_to_run_tell_the_same(on_files: Story, on_servers: Story) -> None:
    for indicator in ("missed_payment_rate", "csat"):
        assert on_files.told(indicator) == on_servers.told(indicator), indicator
