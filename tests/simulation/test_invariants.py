"""The invariants find what they are for: each is shown what holds, and one thing that does not."""

import pytest

from tests.support.invariants import (
    Asked,
    Message,
    Violation,
    at_rest,
    each_once,
    equal,
    messages_once,
    nothing_between,
    passed_on,
    same_alerts,
    shown,
)

LETTER = Message("m", "email", "sent", repeats_dropped=False)
HOOK = Message("m", "webhook", "sent", repeats_dropped=True)
UNKNOWN = LETTER._replace(state="unknown")


@pytest.mark.parametrize(
    "holds",
    [
        each_once("ledger", ["a", "b"]),
        nothing_between(Asked(["a", "b"], unknown=["c"], failed=["d"]), ["a"], ["b"]),
        nothing_between(Asked(["a"], unknown=["c"]), ["a"], [], ["c"]),
        passed_on("facts", ["a", "b"], ["a"], ["b"]),
        equal("counters", {"a": 1}, {"a": 1}),
        same_alerts([("x", 1)], [("x", 1)]),
        messages_once([LETTER], {"m": 1}),
        messages_once([UNKNOWN], {}),
        messages_once([UNKNOWN], {"m": 1}),
        messages_once([HOOK], {"m": 3}),
        messages_once([LETTER._replace(asked_again=1)], {"m": 2}),
        messages_once([LETTER._replace(state="failed")], {}),
        at_rest("lag", {"tocsin.facts/0": 0}),
    ],
)
def test_what_holds_is_not_told(holds: list[Violation]) -> None:
    assert shown(holds) == ""


@pytest.mark.parametrize(
    ("violations", "told"),
    [
        (each_once("ledger", ["a", "a"]), "ledger: each once: 'a' 2 times"),
        (nothing_between(Asked(["a"]), []), "'a' is nowhere"),
        (nothing_between(Asked(["a"]), ["a"], ["a"]), "'a' lies in 2 places"),
        (nothing_between(Asked([]), ["a"]), "nothing invented: 'a'"),
        (nothing_between(Asked([], failed=["a"]), ["a"]), "what is refused is not kept: 'a'"),
        (passed_on("facts", ["a"], []), "facts: nothing lost: 'a'"),
        (passed_on("facts", ["a"], ["a", "a"]), "facts: nothing doubled: 'a' 2 times"),
        (passed_on("facts", [], ["a"]), "facts: nothing invented: 'a'"),
        (passed_on("facts", ["a"], ["a"], ["a"]), "facts: taken or dead, not both: 'a'"),
        (equal("counters", {"a": 1}, {"a": 2}), "counters = the truth: 'a' is 1 and should be 2"),
        (equal("counters", {}, {"a": 2}), "'a' is None and should be 2"),
        (equal("counters", {"a": 1}, {}), "'a' is 1 and should be None"),
        (same_alerts([], ["x"]), "missing: 'x'"),
        (same_alerts(["x", "x"], ["x"]), "too much: 'x'"),
        (messages_once([LETTER], {"m": 2}), "email 'm' was taken 2 times"),
        (messages_once([UNKNOWN], {"m": 2}), "email 'm' was taken 2 times"),
        (messages_once([LETTER], {}), "email 'm' is shown as sent and was never taken"),
        (messages_once([HOOK], {}), "webhook 'm' is shown as sent and was never taken"),
        (messages_once([LETTER._replace(state="waiting")], {"m": 1}), "email 'm' was taken and is shown as waiting"),
        (messages_once([LETTER._replace(state="failed")], {"m": 1}), "email 'm' was taken and is shown as failed"),
        (messages_once([], {"m": 1}), "'m' was taken and nobody wrote it"),
        (at_rest("lag", {"tocsin.facts/0": 3}), "lag back to zero: tocsin.facts/0: 3"),
    ],
)
def test_what_does_not_hold_is_told(violations: list[Violation], told: str) -> None:
    assert told in shown(violations)


def test_of_many_violations_of_one_kind_the_first_are_shown_and_the_rest_counted() -> None:
    text = shown(at_rest("lag", {str(number): 1 for number in range(100)}))
    assert len(text.splitlines()) == 9
    assert text.endswith("and 92 more")
