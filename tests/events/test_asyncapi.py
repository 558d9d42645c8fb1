"""The AsyncAPI document fits its official schema, its examples fit it, and it says who listens to what."""

import gzip
import json
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from shared.events import CATALOGUE, Message, Topic
from tests.support.asyncapi import asyncapi_document
from tests.support.compose import compose_for_documents
from tests.support.pages import DOCS

OFFICIAL = DOCS.parent / "tests" / "data" / "asyncapi" / "3.0.0.json.gz"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi_document()


def validator_of(document: dict[str, Any], reference: str) -> Draft7Validator:
    """Return a validator of one schema of the document; references in it are resolved in the whole of it."""
    return Draft7Validator({**document, "$ref": reference}, format_checker=FormatChecker())


def test_the_document_fits_the_official_schema_of_asyncapi(document: dict[str, Any]) -> None:
    official = json.loads(gzip.decompress(OFFICIAL.read_bytes()))
    errors = [f"{error.json_path}: {error.message[:200]}" for error in Draft7Validator(official).iter_errors(document)]
    assert errors == []
    broken = {**document, "operations": {"x": {"action": "shout", "channel": {"$ref": "#/channels/risk"}}}}
    assert not Draft7Validator(official).is_valid(broken)


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.type)
def test_examples_fit_their_schemas(document: dict[str, Any], message: type[Message]) -> None:
    described = document["components"]["messages"][message.type]
    payload = validator_of(document, described["payload"]["$ref"])
    headers = validator_of(document, f"#/components/messages/{message.type}/headers")
    assert described["examples"]
    for example in described["examples"]:
        assert list(payload.iter_errors(example["payload"])) == []
        assert list(headers.iter_errors(example["headers"])) == []
        assert not headers.is_valid({**example["headers"], "ce_type": "another"})
        assert not payload.is_valid({})


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    def lookup(reference: str) -> Any:
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        return node

    assert all(lookup(one) for one in references(document))


def test_operations_are_those_of_the_composed_services(document: dict[str, Any]) -> None:
    said: dict[tuple[str, str], set[str]] = {}
    for operation in document["operations"].values():
        key = operation["tags"][0]["name"], operation["action"]
        said.setdefault(key, set()).add(document["channels"][operation["channel"]["$ref"].split("/")[2]]["address"])
    for name, service in compose_for_documents().items():
        assert said.get((name, "send"), set()) == {str(topic) for topic in service.publishes}, name
        assert said.get((name, "receive"), set()) == {one.topic for one in service.subscriptions}, name
    assert {channel["address"] for channel in document["channels"].values()} == {str(topic) for topic in Topic}
