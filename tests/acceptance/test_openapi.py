"""Schemathesis over the running system's own OpenAPI document: no input makes a 500, every answer is described."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from tests.support.processes import System, embedded_system


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with embedded_system(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


@pytest.fixture(scope="module")
def described(system: System) -> Any:
    return schemathesis.openapi.from_url(f"{system.address}/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_described_and_none_is_a_500(case: Any, system: System) -> None:
    # What a document cannot say (an id that exists, a date that is open) makes valid-looking data be refused rightly.
    answer = case.call_and_validate(
        headers={"Authorization": f"Bearer {system.key}"},
        excluded_checks=[checks.CHECKS.get_one("positive_data_acceptance"), checks.CHECKS.get_one("ignored_auth")],
        timeout=30,
    )
    assert answer.status_code < 500
