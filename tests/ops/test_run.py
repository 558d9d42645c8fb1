"""What docker-compose.yml starts works: the four services behind one address, their health, their figures, a story."""

import httpx
import pytest

from tests.support.compose_file import ONE_SHOTS, SERVICES
from tests.support.deployed import Deployment

pytestmark = pytest.mark.servers


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
