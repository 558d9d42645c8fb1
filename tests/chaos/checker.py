"""The judge of a run: what was said and heard (the history) against what is there (the ending)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.chaos.ending import Ending
from tests.chaos.history import asked_for
from tests.support.invariants import (
    Asked,
    Violation,
    each_once,
    equal,
    messages_once,
    nothing_between,
    passed_on,
    same_alerts,
)

_NOBODY = frozenset({"inbox"})
"""Channels on which nothing arrives anywhere: what is written is there."""


def judge(
    history: Iterable[Mapping[str, Any]],
    ending: Ending,
    calm: Ending,
    arrived: Sequence[str],
    notices: Mapping[str, Sequence[str]],
) -> list[Violation]:
    """Return everything that must not be.

    `calm` is the ending of a run with the same facts that nobody disturbed; `arrived` are the ids of messages as they
    came, one for each arrival; `notices` tell by message id what was in it.
    """
    lines = list(history)
    return [
        *_facts(asked_for(lines, "facts"), ending),
        *_truth(ending, calm),
        *_alerts(lines, ending),
        *_messages(ending, arrived, notices),
    ]


def _facts(asked: Asked, ending: Ending) -> list[Violation]:
    return [
        *each_once("intake's ledger", ending.ledger),
        *nothing_between(asked, ending.ledger, ending.quarantine.keys()),
        *passed_on("facts from intake to risk", ending.accepted, ending.folded, ending.dead["risk"]),
    ]


def _truth(ending: Ending, calm: Ending) -> list[Violation]:
    untrue = [Violation("state = the truth", ending.untrue)] if ending.untrue else []
    return [
        *equal("counters", ending.counters, ending.true_counters),
        *untrue,
        *equal("quarantine as in a calm run", _mapping(ending.quarantine), _mapping(calm.quarantine)),
        *passed_on("facts as in a calm run", calm.ledger, ending.ledger),
        *equal("counters as in a calm run", ending.counters, calm.counters),
        *equal("values as in a calm run", ending.values, calm.values),
        *same_alerts(ending.alerts, calm.alerts),
    ]


def _mapping(quarantine: Mapping[str, str]) -> dict[Any, object]:
    """Return what waits; what a calm run would not be told, because nobody understands it, is left out."""
    return {name: state for name, state in quarantine.items() if state == "waiting"}


def _alerts(history: Sequence[Mapping[str, Any]], ending: Ending) -> list[Violation]:
    verdicts, acknowledgements = asked_for(history, "verdicts"), asked_for(history, "acknowledgements")
    return [
        *each_once("verdicts", ending.given),
        *nothing_between(verdicts, ending.given),
        *each_once("acknowledgements", ending.acknowledged),
        *nothing_between(acknowledgements, ending.acknowledged),
        *passed_on("verdicts from feedback to risk", ending.agreed, ending.decided),
        *passed_on("revisions from risk to notify", ending.told, ending.heard, ending.dead["notify"]),
    ]


def _messages(ending: Ending, arrived: Sequence[str], notices: Mapping[str, Sequence[str]]) -> list[Violation]:
    taken = Counter(arrived)
    sent = [message for message in ending.messages if message.channel not in _NOBODY]
    oftener = [
        f"{one!r} came {count} times and was tried {ending.attempts[one]} times"
        for one, count in taken.items()
        if one in ending.attempts and count > ending.attempts[one]
    ]
    told = [notice for one in notices.values() for notice in set(one)]
    return [
        *messages_once(sent, taken),
        *(Violation("no message comes oftener than it was tried", detail) for detail in oftener),
        *each_once("what a receiver was told", told),
    ]
