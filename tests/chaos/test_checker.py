"""The judge of a run finds what is planted in an ending that was right."""

from typing import Any

import pytest

from tests.chaos.checker import judge
from tests.chaos.ending import Ending
from tests.support.invariants import Message

HISTORY: list[dict[str, Any]] = [
    {"event": "invoked", "operation": 1, "what": "facts", "ids": ["a", "b", "waits"]},
    {"event": "ended", "operation": 1, "outcomes": {"a": "done", "b": "done", "waits": "done"}},
    {"event": "invoked", "operation": 2, "what": "facts", "ids": ["refused"]},
    {"event": "ended", "operation": 2, "outcomes": {"refused": "failed"}},
    {"event": "invoked", "operation": 3, "what": "facts", "ids": ["lost answer", "lost question"]},
    {"event": "ended", "operation": 3, "outcomes": {}},
    {"event": "invoked", "operation": 4, "what": "verdicts", "ids": ["olga"]},
    {"event": "ended", "operation": 4, "outcomes": {"olga": "done"}},
    {"event": "invoked", "operation": 5, "what": "acknowledgements", "ids": ["wei"]},
]
RIGHT = Ending(
    ledger=["a", "b", "lost answer"],
    accepted=["A", "B", "L"],
    quarantine={"waits": "waiting"},
    folded=["A", "B"],
    dead={"risk": ["L"], "notify": []},
    counters={"par30": 5},
    true_counters={"par30": 5},
    untrue="",
    values={"rate": (1, 2)},
    alerts=[("rate", "red")],
    told=[("alert", 1)],
    heard=[("alert", 1)],
    acknowledged=["wei"],
    given=["olga"],
    decided=["request"],
    agreed=["request"],
    messages=[
        Message("mail", "email", "sent", repeats_dropped=False),
        Message("perhaps", "email", "unknown", repeats_dropped=False),
        Message("hook", "webhook", "sent", repeats_dropped=True),
        Message("inbox", "inbox", "sent", repeats_dropped=False),
    ],
    attempts={"mail": 1, "perhaps": 1, "hook": 2, "inbox": 1},
)
ARRIVED = ["mail", "hook", "hook"]
NOTICES = {"hook": ["alert 1 opened", "alert 1 opened"]}


def test_a_right_ending_is_right() -> None:
    assert judge(HISTORY, RIGHT, RIGHT, ARRIVED, NOTICES) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ledger": ["a", "lost answer"], "accepted": ["A", "L"]}, "'b' is nowhere"),
        ({"ledger": ["a", "a", "b", "lost answer"]}, "'a' 2 times"),
        ({"ledger": ["a", "b", "refused"]}, "'refused'"),
        ({"ledger": ["a", "b", "a~other"]}, "'a~other' was never accepted"),
        ({"quarantine": {"waits": "waiting", "a": "waiting"}}, "'a' lies in 2 places"),
        ({"quarantine": {}}, "'waits' is nowhere"),
        ({"folded": ["A"]}, "'B'"),
        ({"folded": ["A", "B", "B"]}, "'B' 2 times"),
        ({"folded": ["A", "B", "L"]}, "'L'"),
        ({"counters": {"par30": 6}}, "'par30' is 6 and should be 5"),
        ({"untrue": "states differ"}, "states differ"),
        ({"values": {"rate": (2, 2)}}, "'rate' is (2, 2) and should be (1, 2)"),
        ({"alerts": []}, "missing: ('rate', 'red')"),
        ({"heard": []}, "('alert', 1)"),
        ({"given": []}, "'olga' is nowhere"),
        ({"given": ["olga", "olga"]}, "'olga' 2 times"),
        ({"acknowledged": ["wei", "wei"]}, "'wei' 2 times"),
        ({"acknowledged": ["somebody"]}, "'somebody' was never accepted"),
        ({"decided": []}, "'request'"),
        ({"attempts": {**RIGHT.attempts, "hook": 1}}, "'hook' came 2 times and was tried 1 times"),
    ],
)
def test_what_is_planted_is_found(wrong: dict[str, Any], words: str) -> None:
    found = judge(HISTORY, RIGHT._replace(**wrong), RIGHT, ARRIVED, NOTICES)
    assert words in "\n".join(one.detail for one in found)


@pytest.mark.parametrize(
    ("arrived", "notices", "words"),
    [
        (["mail", "mail", "hook"], NOTICES, "email 'mail' was taken 2 times"),
        (["mail", "perhaps", "perhaps", "hook"], NOTICES, "email 'perhaps' was taken 2 times"),
        (["hook"], NOTICES, "email 'mail' is shown as sent and was never taken"),
        (["mail", "hook", "strange"], NOTICES, "'strange' was taken and nobody wrote it"),
        (ARRIVED, {"hook": ["alert 1 opened"], "other": ["alert 1 opened"]}, "'alert 1 opened' 2 times"),
    ],
)
def test_a_message_that_came_wrongly_is_found(arrived: list[str], notices: dict[str, list[str]], words: str) -> None:
    found = judge(HISTORY, RIGHT, RIGHT, arrived, notices)
    assert words in "\n".join(one.detail for one in found)
