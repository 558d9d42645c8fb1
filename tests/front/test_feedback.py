"""What people say back, through the running system: a verdict that counts, a client who answers, remarks."""

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.security.links import Links
from tests.support import small_book
from tests.support.served import Served, serving
from tocsin.client import Client

PATIENCE_S = 20.0


def until(served: Served, *command: object, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Return what a listing says once it says what is waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found: list[dict[str, Any]] = served.run(*command, "--json").json()
        if holds(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def send(client: Client, facts: list[dict[str, Any]]) -> None:
    """Post facts as CloudEvents."""
    client.post_bytes("/intake/v1/facts", json.dumps(facts).encode(), "application/cloudevents-batch+json")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A fresh system, whose past may be asked about."""
    with serving(tmp_path_factory.mktemp("served"), {"TOCSIN_SURVEY_HISTORY": "true"}) as one:
        yield one


@pytest.fixture(scope="module")
def crisis(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The small book up to the end of May: an alert stands; one client may be asked and has paid off a loan."""
    policy: Path = tmp_path_factory.mktemp("policy") / "small.yaml"
    policy.write_text(small_book.POLICY)
    with served.client() as client:
        client.post("/intake/v1/books", small_book.OPENING)
        send(client, small_book.beginnings())
        contact = {
            "book": small_book.BOOK,
            "language": "zh",
            "points": [{"channel": "email", "address": "c0@example.org"}],
            "consents": [{"channel": "email", "purpose": "survey", "given": True, "since": "2023-01-01"}],
        }
        client.put("/intake/v1/clients/c0/contact", contact)
        assert served.run("policy", "apply", policy).code == 0
        for index in range(4):
            send(client, small_book.month_of_facts(index))
            if index == 3:
                day = small_book.end_of(index) - dt.timedelta(days=2)
                for number in (0, 1):
                    closing = small_book.fact(f"e{number}", "loan.closed", day, loan=f"l{number}")
                    send(client, [closing])
            assert served.run("close", small_book.BOOK, small_book.end_of(index).isoformat()).code == 0
    return served


def test_a_verdict_is_given_and_counts(crisis: Served) -> None:
    (alert,) = until(crisis, "alerts", "list", "--book", small_book.BOOK, holds=lambda found: len(found) == 1)
    deadline = time.monotonic() + PATIENCE_S
    give = ("verdicts", "give", alert["id"], "true", "--outcome", "contacted", "--comment", "[red]three dealers")
    # Feedback hears of an alert a moment after risk shows it.
    while (given := crisis.run(*give, "--by", "officer-7")).code:
        assert time.monotonic() < deadline, given.err
        time.sleep(0.05)
    assert "true, says officer-7" in given.out
    (shown,) = until(
        crisis, "verdicts", "list", "--alert", alert["id"], holds=lambda found: found[0]["decision"] is not None
    )
    assert (shown["decision"], shown["alert_state"], shown["outcome"]) == ("accepted", "open", "contacted")
    listed = crisis.run("verdicts", "list", "--by", "officer-7").out
    assert "accepted" in listed
    assert "[red]three dealers" in listed
    assert "true, false or unclear" not in crisis.run("verdicts", "list", "--by", "nobody").out
    unknown = crisis.run("verdicts", "give", "0" * 32, "true")
    assert (unknown.code, "No such alert (404)" in unknown.err) == (1, True)
    wrong = crisis.run("verdicts", "give", alert["id"], "maybe")
    assert (wrong.code, "/verdict" in wrong.err) == (1, True)


def test_a_client_is_asked_and_answers_and_another_is_not_with_the_reason(crisis: Served) -> None:
    found = until(
        crisis, "surveys", "list", "--book", small_book.BOOK, "--occasion", "loan_closed",
        holds=lambda found: len(found) == 2 and all(one["state"] != "waiting" for one in found),
    )  # fmt: skip
    survey, skipped = sorted(found, key=lambda one: one["client"])
    assert (survey["state"], survey["invited_on"]) == ("invited", "2023-06-01")
    assert (skipped["client"], skipped["reason"]) == ("c1", "no_consent")
    secret = (crisis.data / "links.secret").read_text()
    links = Links([os.environ.get("TOCSIN_LINK_SECRETS", secret)], f"http://127.0.0.1:{crisis.process.port}")
    token = links.token("survey", survey["survey"], "c0", dt.datetime.fromisoformat(survey["expires_at"]))
    address = links.url(f"/feedback/v1/pages/surveys/{token}")
    assert "您的体验如何" in httpx.get(address, trust_env=False).text
    thanks = httpx.post(address, data={"csat": "5", "nps": "10", "text": "很好"}, trust_env=False)
    assert thanks.status_code == 200
    assert httpx.post(address, data={"csat": "1"}, trust_env=False).status_code == 410
    assert "answered" in crisis.run("surveys", "list", "--client", "c0").out
    (remark,) = crisis.run("remarks", "list", "--author", "client", "--json").json()
    assert (remark["subject"], remark["by"], remark["text"]) == ("l0", "c0", "很好")


def test_remarks_are_left_and_listed(crisis: Served) -> None:
    add = ("remarks", "add", small_book.BOOK, "loan", "l2", "called, will [bold]pay", "--by", "officer-7")
    assert "noted on loan l2 by officer-7" in crisis.run(*add).out
    assert crisis.run(*add, "--json").json()["text"] == "called, will [bold]pay"
    listed = crisis.run("remarks", "list", "--kind", "loan", "--subject", "l2").out
    assert listed.count("called, will [bold]pay") == 1
    assert crisis.run("remarks", "list", "--subject", "l9").out.strip() == "No remark."
    refused = crisis.run("remarks", "add", "no-book", "loan", "l2", "x")
    assert (refused.code, "No such book (404)" in refused.err) == (1, True)
