"""The table of bounds in docs/operate.md says what the code does."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

_ROW = re.compile(r"^\| (?P<what>.+) \| (?P<bound>[0-9,]+) \| `(?P<where>[a-zA-Z_.]+)` \|$", re.MULTILINE)
ROWS = [match.groups() for match in _ROW.finditer(Path("docs/operate.md").read_text())]


def value_of(where: str) -> float:
    """Return a constant, a setting's default, or how many results a function remembers."""
    parts = where.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            is_settings = isinstance(found, type) and issubclass(found, BaseSettings)
            found = found.model_fields[name].default if is_settings else getattr(found, name)
        return float(found.cache_parameters()["maxsize"] if hasattr(found, "cache_parameters") else found)
    raise LookupError(where)


def test_the_table_is_there() -> None:
    text = Path("docs/operate.md").read_text()
    section = text[text.index("## Bounds") : text.index("## What each alarm means")]
    assert len(ROWS) == section.count("\n| ") - 1 > 30, "a row has another shape"


@pytest.mark.parametrize(("what", "bound", "where"), ROWS, ids=[where for *_, where in ROWS])
def test_a_bound_is_what_the_table_says(what: str, bound: str, where: str) -> None:
    assert value_of(where) == int(bound.replace(",", "")), what
