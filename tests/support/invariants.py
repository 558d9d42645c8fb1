"""What must hold after every fault, as pure functions over plain data: for the simulator and for real processes.

Each returns the violations that it finds; none: it holds. Whoever calls them reads the data, from the databases or over
HTTP, once everything has come to rest. What was asked of the system has three outcomes: done (it said so), failed (it
said no, and nothing may have happened) and unknown (no answer: it may have happened, but once).
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

_SHOWN_MAX = 8
_KEPT_OPEN = frozenset({"waiting", "sending"})


class Violation(NamedTuple):
    """One thing that must not be."""

    invariant: str
    detail: str


class Asked(NamedTuple):
    """Ids of what was asked of the system, by what it answered; an id is one fact, however often it was sent."""

    done: Collection[str]
    unknown: Collection[str] = ()
    failed: Collection[str] = ()


class Message(NamedTuple):
    """One message as its sender keeps it at the end."""

    id: str
    channel: str
    state: str
    """`waiting`, `sending`, `sent`, `failed` or `unknown`."""
    repeats_dropped: bool
    """Its receiver drops a message that it had already (D13)."""
    asked_again: int = 0
    """How often a person had it sent again: each may bring it once more."""


def each_once(what: str, ids: Iterable[Hashable]) -> list[Violation]:
    """Nothing is there twice."""
    doubled = [f"{one!r} {count} times" for one, count in Counter(ids).items() if count > 1]
    return _told(f"{what}: each once", doubled)


def nothing_between(
    asked: Asked, ledger: Collection[str], quarantine: Collection[str] = (), dead_letters: Collection[str] = ()
) -> list[Violation]:
    """Every fact that was received lies in exactly one place: ledger, quarantine or dead letters (D11)."""
    places = Counter([*set(ledger), *set(quarantine), *set(dead_letters)])
    done, failed = set(asked.done), set(asked.failed)
    allowed = done | set(asked.unknown)
    return [
        *_told("received = ledger + quarantine + dead letters", (f"{one!r} is nowhere" for one in done - set(places))),
        *_told(
            "received = ledger + quarantine + dead letters",
            (f"{one!r} lies in {count} places" for one, count in places.items() if count > 1),
        ),
        *_told("nothing invented", (f"{one!r} was never accepted" for one in set(places) - allowed - failed)),
        *_told("what is refused is not kept", (f"{one!r}" for one in (set(places) & failed) - allowed)),
    ]


def passed_on(
    what: str, told: Iterable[Hashable], kept: Iterable[Hashable], dead_letters: Iterable[Hashable] = ()
) -> list[Violation]:
    """What one service told is with the other, each once: taken, or among its dead letters. Nothing else is there."""
    told_once, kept_all, dead = set(told), Counter(kept), set(dead_letters)
    return [
        *_told(f"{what}: nothing lost", (f"{one!r}" for one in told_once - set(kept_all) - dead)),
        *_told(f"{what}: nothing doubled", (f"{one!r} {count} times" for one, count in kept_all.items() if count > 1)),
        *_told(f"{what}: taken or dead, not both", (f"{one!r}" for one in set(kept_all) & dead)),
        *_told(f"{what}: nothing invented", (f"{one!r}" for one in set(kept_all) - told_once)),
    ]


def equal(what: str, kept: Mapping[Any, object], truth: Mapping[Any, object]) -> list[Violation]:
    """What is kept is the truth, key by key: counters and states against the slow truth (D4), final values (D14)."""
    keys = [*kept, *(key for key in truth if key not in kept)]
    wrong = (
        f"{key!r} is {kept.get(key)!r} and should be {truth.get(key)!r}"
        for key in keys
        if kept.get(key) != truth.get(key)
    )
    return _told(f"{what} = the truth", wrong)


def same_alerts(standing: Iterable[Hashable], undisturbed: Iterable[Hashable]) -> list[Violation]:
    """The alerts that stand, by cause and level per period, are those of a run that nobody disturbed (D14)."""
    found, wanted = Counter(standing), Counter(undisturbed)
    missing = (f"missing: {one!r}" for one in (wanted - found).elements())
    extra = (f"too much: {one!r}" for one in (found - wanted).elements())
    return _told("standing alerts", [*missing, *extra])


def messages_once(messages: Iterable[Message], taken: Mapping[str, int]) -> list[Violation]:
    """Each message is taken at most once where its channel allows to know; else it is shown as unknown (D13).

    `taken`: how often the receiver took each message, by id, counted at the receiver; where it drops repeats, every
    arrival counts.
    """
    wrong: list[str] = []
    by_id = {message.id: message for message in messages}
    wrong += [f"{one!r} was taken and nobody wrote it" for one in taken if one not in by_id]
    for message in by_id.values():
        times, shown = taken.get(message.id, 0), f"{message.channel} {message.id!r}"
        if not message.repeats_dropped and times > 1 + message.asked_again:
            wrong.append(f"{shown} was taken {times} times")
        if message.state == "sent" and not times:
            wrong.append(f"{shown} is shown as sent and was never taken")
        if not message.repeats_dropped and times and message.state in (*_KEPT_OPEN, "failed"):
            wrong.append(f"{shown} was taken and is shown as {message.state}")
    return _told("each message at most once", wrong)


def at_rest(what: str, left: Mapping[str, int]) -> list[Violation]:
    """Nothing is left to do: lag of a partition, rows of an outbox, messages on their way; without a person."""
    return _told(f"{what} back to zero", (f"{place}: {count}" for place, count in left.items() if count))


def shown(violations: Iterable[Violation]) -> str:
    """Return violations as text, a line each; empty when there is none."""
    return "\n".join(f"{one.invariant}: {one.detail}" for one in violations)


def _told(invariant: str, wrong: Iterable[str]) -> list[Violation]:
    found = sorted(wrong)
    more = [f"and {len(found) - _SHOWN_MAX} more"] if len(found) > _SHOWN_MAX else []
    return [Violation(invariant, detail) for detail in [*found[:_SHOWN_MAX], *more]]
