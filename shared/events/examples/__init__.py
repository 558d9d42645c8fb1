"""Committed examples of every message, `<type>.<number>.json`: for the pages, for the HTTP documents, and for ever."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def paths_of(message_type: str) -> list[Path]:
    """Return the files of all examples of a message type, oldest first."""
    return sorted(FOLDER.glob(f"{message_type}.*.json"), key=lambda path: int(path.suffixes[-2][1:]))


@cache
def example_of(message_type: str) -> dict[str, Any]:
    """Return the first example of a message type: not to be changed."""
    example: dict[str, Any] = json.loads((FOLDER / f"{message_type}.1.json").read_text())
    return example
