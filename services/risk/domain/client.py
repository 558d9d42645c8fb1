"""A client's segment attributes over time, from its facts in any order of arrival (D18)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique

import msgspec

from services.risk.domain.segments import SegmentMove
from shared.kernel.days import Day


@unique
class ClientKind(StrEnum):
    """What happened to a client."""

    REGISTERED = "registered"
    CHANGED = "changed"
    CORRECTED = "corrected"


class ClientFact(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One fact about a client; `attributes` names only those that it says something about."""

    kind: ClientKind
    day: Day
    known_at_us: int
    id: str
    attributes: dict[str, str] = {}
    target: str = ""
    """corrected: event id of the fact meant."""
    replacement: "ClientFact | None" = None
    """corrected: the fact as it should have been; None annuls it."""


def moves_of(facts: Iterable[ClientFact]) -> list[SegmentMove]:
    """Return the client's complete attributes from each day on at which they change, by rising day.

    Facts take effect in the order (value date, known at, id). Of several corrections of one fact the latest by
    (known at, id) holds. A registration names all attributes, a change those that change.
    """
    moves: list[SegmentMove] = []
    attributes: dict[str, str] = {}
    for fact in sorted(_standing(list(facts)), key=lambda fact: (fact.day, fact.known_at_us, fact.id)):
        attributes = {**attributes, **fact.attributes}
        if moves and moves[-1].day == fact.day:
            moves.pop()
        if not moves or moves[-1].attributes != attributes:
            moves.append(SegmentMove(fact.day, attributes))
    return moves


def attributes_at(moves: Sequence[SegmentMove], day: Day) -> dict[str, str]:
    """Return a client's attributes on a day; before its first move those of the first."""
    held = moves[0].attributes if moves else {}
    for move in moves:
        if move.day <= day:
            held = move.attributes
    return held


def _standing(facts: list[ClientFact]) -> list[ClientFact]:
    """Return the facts that hold after all corrections, under their own ids and times."""
    latest: dict[str, ClientFact] = {}
    for fact in facts:
        if fact.kind is ClientKind.CORRECTED:
            other = latest.get(fact.target)
            if other is None or (fact.known_at_us, fact.id) > (other.known_at_us, other.id):
                latest[fact.target] = fact
    held: list[ClientFact] = []
    for fact in facts:
        if fact.kind is ClientKind.CORRECTED:
            continue
        correction = latest.get(fact.id)
        if correction is None:
            held.append(fact)
        elif correction.replacement is not None:
            wanted = correction.replacement
            held.append(msgspec.structs.replace(fact, kind=wanted.kind, day=wanted.day, attributes=wanted.attributes))
    return held
