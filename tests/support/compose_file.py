"""docker-compose.yml as docker compose reads it: variables filled in, anchors merged."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SERVICES = ("intake", "risk", "notify", "feedback")
ONE_SHOTS = ("migrate", "topics")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\}")


def read_compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the file with its variables filled in; KeyError names one that is required and not given."""

    def fill(found: re.Match[str]) -> str:
        name, kind, rest = found["name"], found["kind"], found["rest"]
        if variables.get(name):
            return variables[name]
        if kind == ":-":
            return str(rest)
        raise KeyError(name)

    document = yaml.safe_load(COMPOSE.read_text())
    filled: dict[str, Any] = _each_text(document, lambda text: _VARIABLE.sub(fill, text))
    return filled


def variables() -> dict[str, bool]:
    """Return every variable that the file reads, and whether it must be given."""
    found: dict[str, bool] = {}
    for one in _VARIABLE.finditer(COMPOSE.read_text()):
        found[one["name"]] = found.get(one["name"], False) or one["kind"] != ":-"
    return found


def _each_text(value: Any, change: Any) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {key: _each_text(one, change) for key, one in value.items()}
        case list():
            return [_each_text(one, change) for one in value]
        case _:
            return value
