"""The OpenAPI documents are valid, say everything that a caller needs, and only grow."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from shared.security.rights import PUBLIC, RIGHTS
from tests.support.http_surface import RELEASED, breaks, surface_of
from tests.support.pages import openapi

SERVICES = ("intake", "risk", "notify", "feedback")
Operation = dict[str, Any]


@pytest.fixture(params=SERVICES, name="service")
def any_service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def document_of(service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(openapi(service))
    return found


@pytest.fixture
def document(service: str) -> dict[str, Any]:
    return document_of(service)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, by_method in document["paths"].items():
        for method, operation in by_method.items():
            yield f"{method.upper()} {path}", operation


def test_a_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1.")


def test_every_operation_says_what_it_does_and_takes(document: dict[str, Any]) -> None:
    silent = [name for name, operation in operations(document) if not operation.get("description")]
    unexplained = [
        f"{name} {parameter['name']}"
        for name, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description") and not parameter["schema"].get("description")
    ]
    assert (silent, unexplained) == ([], [])


def test_every_operation_names_its_right_and_its_refusals(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        right, refusals = operation["x-right"], set(operation["responses"])
        if right in PUBLIC:
            assert operation["security"] == [], name
        else:
            assert right in RIGHTS, name
            assert operation["security"] == [{"key": [right]}], name
            assert {"401", "403"} <= refusals, name
        for status, answer in operation["responses"].items():
            if status >= "400" and "/v1/pages/" not in name and right != "public:probe":
                assert "application/problem+json" in answer["content"], f"{name} {status}"


def test_names_of_operations_are_unique_and_plain(document: dict[str, Any], service: str) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.islower() for name in names), names
    assert all(name.startswith(service) or name in ("healthz", "readyz", "read_metrics") for name in names)


def test_every_body_has_an_example_that_fits(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            for example in examples_of(document, content):
                schema = {**content["schema"], "components": document["components"]}
                errors = [error.message for error in Draft202012Validator(schema).iter_errors(example)]
                assert errors == [], f"{name} {media_type}"


def examples_of(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """Return the examples of a body: given with it, with its schema, or made of those of its fields."""
    if "example" in content:
        return [content["example"]]
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "examples" in schema:
        return list(schema["examples"])
    made = {name: shape["examples"][0] for name, shape in schema["properties"].items() if "examples" in shape}
    assert set(schema.get("required", ())) <= made.keys(), f"no example of {sorted(schema['properties'])}"
    return [made]


@pytest.mark.parametrize("path", sorted(RELEASED.glob("*/*.txt")), ids=lambda path: f"{path.parent.name} {path.stem}")
def test_what_was_released_still_holds(path: Any) -> None:
    assert breaks(path.read_text().splitlines(), surface_of(document_of(path.stem))) == []


def test_a_breaking_change_is_caught() -> None:
    old = ["GET /a is a_get by x", "GET /a takes query b: string", "GET /a answers 200 .c: integer"]
    assert breaks(old, [*old, "GET /a takes query d: string", "GET /e takes query f: string required"]) == []
    assert breaks(old, [*old[:2], "GET /a answers 200 .c: string", "GET /a takes query g: string required"]) == [
        "gone: GET /a answers 200 .c: integer",
        "asked for: GET /a takes query g: string required",
    ]
