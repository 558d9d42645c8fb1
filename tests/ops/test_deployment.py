"""What docker-compose.yml starts works: four services behind one address, their health, a story, their figures.

One file, so that one worker starts it once.
"""

import re
import time
from email.message import Message
from typing import Any

import httpx
import pytest

from tests.ops.story import Story, poison
from tests.support import small_book
from tests.support.compose_file import ONE_SHOTS, SERVICES
from tests.support.deployed import Deployment
from tests.support.processes import eventually
from tests.support.prometheus import Query, metric_names, panel_queries, rule_queries

pytestmark = pytest.mark.servers

SILENT = {"operators: Server errors"}
"""Panels that are empty where nothing is wrong; the metric that they read is asked for by others."""


def test_one_shots_end_well_and_every_service_is_healthy_by_its_own_check(deployment: Deployment) -> None:
    assert deployment.finished == dict.fromkeys(ONE_SHOTS, 0)
    for name in (*SERVICES, "gateway", "prometheus", "node-exporter"):
        assert deployment.healthy(name), deployment.output(name)


def test_the_gateway_passes_on_the_services_and_nothing_else(deployment: Deployment) -> None:
    base = f"http://127.0.0.1:{deployment.ports['gateway']}"
    assert httpx.get(f"{base}/healthz").json() == {"status": "alive"}
    for service in SERVICES:
        answer = httpx.get(f"{base}/{service}/v1/dead-letters" if service != "intake" else f"{base}/intake/v1/books")
        assert answer.status_code == 401, service
        assert answer.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{base}/risk").headers["location"] == "/risk/"
    for path in ("/metrics", "/readyz", "/", "/docs", "/intake/../metrics"):
        assert httpx.get(base + path).status_code == 404, path


def test_a_body_that_is_too_large_is_answered_by_the_service(deployment: Deployment) -> None:
    answer = deployment.system.request("POST", "/intake/v1/facts", content=b"x" * (16 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("body-too-large")


def text_of(mail: Message) -> str:
    (plain,) = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    content = plain.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def link_in(mail: Message, kind: str) -> str:
    """Return the link to a page of a kind."""
    found = re.search(rf"https?://\S+/pages/{kind}/[\w.~-]+", text_of(mail))
    assert found is not None, text_of(mail)
    return found[0]


def test_the_alert_came_to_the_inbox_and_by_e_mail_and_its_link_opens_a_page(story: Story) -> None:
    eventually(lambda: story.mailbox.to("anna@bank.example"), 30)
    page = httpx.get(link_in(story.mailbox.to("anna@bank.example")[0], "alerts"))
    assert page.status_code == 200
    assert "missed" in page.text.lower()


def test_what_no_route_names_goes_to_the_fallback(story: Story) -> None:
    eventually(lambda: story.system.get("/notify/v1/inbox/operator")["items"], 30)


def test_an_acknowledgement_from_the_inbox_is_decided_by_risk(story: Story) -> None:
    eventually(lambda: story.system.get(f"/risk/v1/alerts/{story.alert}")["acknowledged"], 30)


def test_a_verdict_reaches_risk_and_counts_as_precision(story: Story) -> None:
    def judged() -> bool:
        items = story.system.get("/feedback/v1/verdicts")["items"]
        return [item["decision"] for item in items if item["alert"] == story.alert] == ["accepted"]

    eventually(judged, 30, lambda: str(story.system.get("/feedback/v1/verdicts")))
    judged_rules = story.system.get("/risk/v1/precision", book=small_book.BOOK, indicator="missed_payment_rate")[
        "items"
    ]
    assert [(one["true"], one["false"], one["precision"]) for one in judged_rules] == [(1, 0, 1.0)]


def test_the_client_is_asked_once_and_the_answer_is_kept(story: Story) -> None:
    eventually(lambda: story.mailbox.to("client@home.example"), 30)
    (mail,) = story.mailbox.to("client@home.example")
    link = link_in(mail, "surveys")
    assert httpx.get(link).status_code == 200
    answers = [httpx.post(link, data={"csat": csat, "nps": "9", "comment": "kind"}).status_code for csat in ("5", "1")]
    assert answers == [200, 410]
    results = story.system.get("/feedback/v1/surveys/results", book=small_book.BOOK)["total"]
    assert (results["invited"], results["answered"], results["csat_mean"]) == (1, 1, 5.0)


def test_a_remark_is_kept_with_its_author(story: Story) -> None:
    assert [one["by"] for one in story.system.get("/feedback/v1/remarks", book=small_book.BOOK)["items"]] == ["anna"]


def ask(deployment: Deployment, expression: str) -> list[dict[str, Any]]:
    """Return what Prometheus answers; a query that it does not accept fails the test."""
    url = f"http://127.0.0.1:{deployment.ports['prometheus']}/api/v1/query"
    answer = httpx.get(url, params={"query": expression}).json()
    assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def test_every_target_is_up_under_its_services_name(deployment: Deployment) -> None:
    expected = {*SERVICES, "node", "prometheus"}
    eventually(
        lambda: {one["metric"]["job"] for one in ask(deployment, "up == 1")} == expected,
        30,
        lambda: str(ask(deployment, "up")),
    )
    assert ask(deployment, "up == 0") == []


def test_metrics_are_closed_to_whoever_has_no_key(deployment: Deployment) -> None:
    for service in SERVICES:
        assert httpx.get(f"http://127.0.0.1:{deployment.ports[service]}/metrics").status_code == 401


async def test_every_query_finds_what_it_asks_for(story: Story, deployment: Deployment) -> None:
    await poison(deployment.kafka)
    eventually(lambda: ask(deployment, "tocsin_consumer_dead_letters_total > 0"), 30)
    asked = [query for query in panel_queries() if query.place not in SILENT]
    asked += [Query(query.place, name, True) for query in rule_queries() for name in metric_names(query.expression)]
    for query in rule_queries():
        ask(deployment, query.expression)
    missing = asked
    deadline = time.monotonic() + 20
    while missing and time.monotonic() < deadline:
        missing = [query for query in missing if not ask(deployment, query.expression)]
    assert missing == [], "\n".join(f"{query.place}: {query.expression}" for query in missing)
