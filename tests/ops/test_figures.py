"""Prometheus scrapes the running services with its own key, and every query that is shipped finds what it asks for."""

import time
from typing import Any

import httpx
import pytest

from tests.ops.story import Story, poison
from tests.support.compose_file import SERVICES
from tests.support.deployed import Deployment
from tests.support.processes import eventually
from tests.support.prometheus import Query, metric_names, panel_queries, rule_queries

pytestmark = pytest.mark.servers

SILENT = {"operators: Server errors"}
"""Panels that are empty where nothing is wrong; the metric that they read is asked for by others."""


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
