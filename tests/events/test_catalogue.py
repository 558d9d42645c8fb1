"""The catalogue is complete, its past still parses, and it only grows."""

import json
from pathlib import Path

import msgspec
import pytest

from shared.events import BY_TYPE, CATALOGUE, Message, examples
from shared.events.fields import FIELDS
from tests.support.contracts import breaks, committed_schemas, schema_of

EXAMPLE_FILES = sorted(examples.FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.stem)
def test_every_committed_example_still_parses_and_says_the_same(path: Path) -> None:
    message = BY_TYPE[path.name.rsplit(".", 2)[0]]
    body = msgspec.json.decode(path.read_bytes(), type=message)
    assert json.loads(msgspec.json.encode(body)) == json.loads(path.read_text())


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.type)
def test_every_message_has_an_example_and_known_fields(message: type[Message]) -> None:
    assert examples.paths_of(message.type), f"no example of {message.type}"
    unknown = [field for field in message.__struct_fields__ if field not in FIELDS]
    assert not unknown, f"say in shared/events/fields.py what these mean: {unknown}"


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.type)
def test_a_message_only_grows(message: type[Message]) -> None:
    past = committed_schemas(message)
    assert past, "run `make docs` to commit the schema of a new message"
    assert past[-1] == schema_of(message), "the schema changed: run `make docs` to commit it beside the old ones"
    for old in past:
        assert breaks(old, schema_of(message)) == []


def test_a_breaking_change_is_caught() -> None:
    old = {"$defs": {"A": {"properties": {"x": {"type": "string"}, "y": {"type": "integer"}}, "required": ["x"]}}}
    new = {"$defs": {"A": {"properties": {"x": {"type": "integer"}, "z": {}}, "required": ["x", "z"]}}}
    assert breaks(old, new) == ["A.x is of another shape", "A.y is gone", "A.z is required now"]


def test_every_field_meaning_is_used() -> None:
    used = {field for message in CATALOGUE for field in message.__struct_fields__}
    assert set(FIELDS) == used


def test_types_are_unique_and_versioned() -> None:
    assert len(BY_TYPE) == len(CATALOGUE)
    assert all(name.startswith("tocsin.") and name.rsplit(".", 1)[1][0] == "v" for name in BY_TYPE)
