"""A client: its segment attributes over time and who it turned out to be, from facts in any order (D18, D8)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from services.risk.domain.segments import SegmentMove
from shared.kernel.days import Day


@unique
class ClientKind(StrEnum):
    """What happened to a client."""

    REGISTERED = "registered"
    CHANGED = "changed"
    MERGED = "merged"
    CORRECTED = "corrected"


class ClientFact(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One fact about a client; `attributes` names only those that it says something about."""

    kind: ClientKind
    day: Day
    known_at_us: int
    id: str
    form: str = ""
    """registered: person, company or project_company."""
    attributes: dict[str, str] = {}
    into: str = ""
    """merged: the client that this one is the same as."""
    target: str = ""
    """corrected: event id of the fact meant."""
    replacement: "ClientFact | None" = None
    """corrected: the fact as it should have been; None annuls it."""


class ClientHistory(NamedTuple):
    """What a client's facts make of it."""

    moves: list[SegmentMove]
    """Its complete attributes from each day on at which they change, by rising day."""
    form: str
    alias_of: str


def history_of(facts: Iterable[ClientFact]) -> ClientHistory:
    """Return a client's history.

    Facts take effect in the order (value date, known at, id). Of several corrections of one fact the latest by
    (known at, id) holds. A registration names all attributes, a change those that change.
    """
    moves: list[SegmentMove] = []
    attributes: dict[str, str] = {}
    form = alias_of = ""
    for fact in sorted(_standing(list(facts)), key=lambda fact: (fact.day, fact.known_at_us, fact.id)):
        form = fact.form or form
        alias_of = fact.into or alias_of
        attributes = {**attributes, **fact.attributes}
        if moves and moves[-1].day == fact.day:
            moves.pop()
        if not moves or moves[-1].attributes != attributes:
            moves.append(SegmentMove(fact.day, attributes))
    return ClientHistory(moves, form, alias_of)


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
            held.append(msgspec.structs.replace(correction.replacement, id=fact.id, known_at_us=fact.known_at_us))
    return held
