"""The catalogue's committed past: examples that must parse for ever, schemas that may only grow."""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.events import CATALOGUE, Message

SCHEMAS = Path(__file__).parents[1] / "events" / "schemas"


def schema_of(message: type[Message]) -> dict[str, Any]:
    """Return the JSON Schema of a message body, self-contained."""
    schema: dict[str, Any] = msgspec.json.schema(message)
    return schema


def committed_schemas(message: type[Message]) -> list[dict[str, Any]]:
    """Return all committed schemas of a message type, oldest first."""
    paths = sorted((SCHEMAS / message.type).glob("*.json"), key=lambda path: int(path.stem))
    return [json.loads(path.read_text()) for path in paths]


def commit_schemas() -> None:
    """Add the present schema of each message beside its older ones where it differs from the newest."""
    for message in CATALOGUE:
        known = committed_schemas(message)
        if not known or known[-1] != schema_of(message):
            folder = SCHEMAS / message.type
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(schema_of(message), indent=1, sort_keys=True)
            (folder / f"{len(known) + 1}.json").write_text(text + "\n")


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return why messages written by `old` might not be read by `new`, or the reverse; empty when additive."""
    found: list[str] = []
    for name, before in old["$defs"].items():
        after = new["$defs"].get(name)
        if after is None:
            found.append(f"{name} is gone")
            continue
        found += _definition_breaks(name, before, after)
    return found


def _definition_breaks(name: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    found = []
    olds, news = before.get("properties", {}), after.get("properties", {})
    for field, shape in olds.items():
        if field not in news:
            found.append(f"{name}.{field} is gone")
        elif _without_words(news[field]) != _without_words(shape):
            found.append(f"{name}.{field} is of another shape")
    added = set(after.get("required", ())) - set(before.get("required", ()))
    found += [f"{name}.{field} is required now" for field in sorted(added)]
    dropped = set(before.get("required", ())) - set(after.get("required", ()))
    found += [f"{name}.{field} is no longer written always" for field in sorted(dropped)]
    return found


def _without_words(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _without_words(value) for key, value in shape.items() if key not in ("description", "title")}
    if isinstance(shape, list):
        return [_without_words(one) for one in shape]
    return shape
