"""Schemathesis over the running system's own OpenAPI document: no input makes a 500, every answer is described."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.core.result import Ok

from tests.support.processes import System, embedded_system

# What a document cannot say (an id that exists, a date that is open) makes valid-looking data be refused rightly; keys
# are tried by tests/architecture/test_routes.py; a 405 of the framework names the methods of one route of a path only.
EXCLUDED = ("positive_data_acceptance", "ignored_auth", "allow_header_conformance")
EXAMPLES = 12


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with embedded_system(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


def fuzz(operation: Any, system: System) -> int:
    """Call one operation with what its description generates; return how often. Fails as `call_and_validate` does."""
    excluded = [checks.CHECKS.get_one(name) for name in EXCLUDED]
    headers = {"Authorization": f"Bearer {system.key}"}
    calls = 0

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        nonlocal calls
        calls += 1
        case.call_and_validate(headers=headers, excluded_checks=excluded, timeout=30)

    call()
    return calls


def test_every_answer_is_described_and_none_is_a_500(system: System) -> None:
    schema = schemathesis.openapi.from_url(f"{system.address}/openapi.json")
    called, wrong = 0, []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        # Bodies of lines have no serializer here; tests/intake/test_api.py sends them.
        if operation.path.endswith("/facts") and operation.method == "post":
            continue
        try:
            called += fuzz(operation, system)
        except (AssertionError, BaseExceptionGroup) as error:
            wrong.append(f"{operation.method} {operation.path}: {error}")
    assert called > 300
    assert wrong == []
