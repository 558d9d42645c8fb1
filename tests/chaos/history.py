"""The history of a run: a JSON line for every operation invoked or ended and for every fault, and what follows from it.

One line is one of
    {"at_s": 1.2, "event": "invoked", "operation": 7, "what": "facts", "ids": ["p3-1"], ...}
    {"at_s": 1.3, "event": "ended", "operation": 7, "outcomes": {"p3-1": "done"}, "detail": "200"}
    {"at_s": 4.0, "event": "fault", "fault": "kill", "on": "risk", "phase": "begins", ...}
An operation is one attempt; the same id may be asked for by several. Answers get lost, so there are three outcomes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.support.invariants import Asked


class Outcome(StrEnum):
    """What the caller knows of an operation."""

    DONE = "done"
    """Confirmed: it happened."""
    FAILED = "failed"
    """Refused: nothing happened."""
    UNKNOWN = "unknown"
    """No answer: it may have happened, or still happen."""


class History:
    """Appends to a file; a line is written out before what it announces happens."""

    def __init__(self, path: Path, elapsed_s: Callable[[], float]) -> None:
        """Begin a new file."""
        self.path = path
        self._file = path.open("w", buffering=1)
        self._elapsed_s = elapsed_s
        self.operations = 0
        self.faults = 0

    def invoke(self, what: str, ids: Sequence[str], **details: Any) -> int:
        """Note that something is about to be asked for; return the operation's number."""
        self.operations += 1
        self._write(event="invoked", operation=self.operations, what=what, ids=list(ids), **details)
        return self.operations

    def end(self, operation: int, outcomes: Mapping[str, Outcome], detail: str = "") -> None:
        """Note what was answered for each id; those not named are unknown."""
        self._write(event="ended", operation=operation, outcomes=dict(outcomes), detail=detail)

    def fault(self, name: str, on: str, phase: str, **details: Any) -> None:
        """Note that a fault begins or ends."""
        self.faults += phase == "begins"
        self._write(event="fault", fault=name, on=on, phase=phase, **details)

    def note(self, text: str) -> None:
        """Note anything else that helps to read the rest."""
        self._write(event="note", text=text)

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _write(self, **line: Any) -> None:
        self._file.write(json.dumps({"at_s": round(self._elapsed_s(), 3), **line}) + "\n")


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a history file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked_for(history: Iterable[Mapping[str, Any]], what: str) -> Asked:
    """Return what is known of everything that was asked for under a name.

    Done when any attempt was confirmed. Else unknown when any attempt has no answer: it may have had its effect, also
    when a later one was refused because of it. Else failed.
    """
    told: dict[str, set[Outcome]] = {}
    under_way: dict[int, list[str]] = {}
    for line in history:
        if line["event"] == "invoked" and line["what"] == what:
            under_way[line["operation"]] = line["ids"]
        elif line["event"] == "ended" and line["operation"] in under_way:
            for one in under_way.pop(line["operation"]):
                told.setdefault(one, set()).add(Outcome(line["outcomes"].get(one, Outcome.UNKNOWN)))
    for ids in under_way.values():
        for one in ids:
            told.setdefault(one, set()).add(Outcome.UNKNOWN)
    done = [one for one, found in told.items() if Outcome.DONE in found]
    failed = [one for one, found in told.items() if found == {Outcome.FAILED}]
    return Asked(done, sorted(told.keys() - {*done, *failed}), failed)
