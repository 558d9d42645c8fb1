"""The same facts and closes, told to an embedded system that nobody disturbs: what D14 compares with."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.db.sqlite import open_sqlite
from tests.chaos.book import BOOK, OPENING, POLICY, Close
from tests.chaos.ending import Ending, read_ending
from tests.support.processes import embedded_system

_LINES = 200


def tell_calmly(folder: Path, facts: Sequence[Mapping[str, Any]], closes: Collection[Close]) -> None:
    """Run a system from start to end; its files stay in the folder."""
    folder.mkdir()
    with embedded_system(folder) as system:
        assert system.post("/intake/v1/books", OPENING).status_code == 201
        assert system.post("/risk/v1/policies", {"text": POLICY}).status_code == 201
        for start in range(0, len(facts), _LINES):
            system.send_facts([dict(fact) for fact in facts[start : start + _LINES]])
        for close in closes:
            day = close.day.isoformat()
            answer = system.post(f"/intake/v1/books/{BOOK}/closes", {"day": day, "known_at": f"{day}T23:00:00Z"})
            assert answer.status_code == 201, answer.text
        system.settle(BOOK)


async def read_calm_ending(folder: Path, facts: Mapping[str, Mapping[str, Any]]) -> Ending:
    """Read how it ended."""
    return await read_ending(lambda service: open_sqlite(folder / "data" / f"{service}.db"), facts)
