"""The history: every attempt is kept, and what is known of an id follows from all of its attempts."""

from pathlib import Path

from tests.chaos.history import History, Outcome, asked_for, read_history
from tests.support.invariants import Asked

DONE, FAILED = Outcome.DONE, Outcome.FAILED


def test_an_id_is_judged_by_all_its_attempts(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl", lambda: 0.0)
    for outcomes in ({"a": FAILED, "b": DONE}, {"a": DONE, "b": FAILED}, {"c": FAILED, "g": FAILED}):
        history.end(history.invoke("facts", list(outcomes)), outcomes)
    history.end(history.invoke("facts", ["d", "e"]), {"d": DONE})
    history.invoke("facts", ["c", "f"])
    history.end(history.invoke("verdicts", ["v"]), {"v": DONE})
    history.fault("kill", "risk", "begins")
    history.fault("kill", "risk", "ends")
    history.close()
    lines = read_history(tmp_path / "history.jsonl")
    assert asked_for(lines, "facts") == Asked(["a", "b", "d"], ["c", "e", "f"], ["g"])
    assert asked_for(lines, "verdicts") == Asked(["v"], [], [])
    assert (history.operations, history.faults) == (6, 1)
