"""Corrections of facts: which body of a fact counts, whatever the order in which its corrections came."""

from collections.abc import Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from services.risk.domain.anomaly import Anomaly, Contradiction

CORRECTED = "corrected"


class Correctable(Protocol):
    """What a fact must have to be corrected or to correct; a correction's kind is `corrected`."""

    @property
    def kind(self) -> str:
        """What happened."""

    @property
    def known_at_us(self) -> int:
        """When the lender knew."""

    @property
    def id(self) -> str:
        """Event id."""

    @property
    def target(self) -> str:
        """Id of the fact that a correction means."""


FactT = TypeVar("FactT", bound=Correctable)


class Corrected(NamedTuple, Generic[FactT]):
    """Facts by id as their corrections leave them, without annulled ones and without the corrections themselves."""

    facts: dict[str, FactT]
    anomalies: list[Anomaly]
    dangling: bool
    """A correction waits for its target."""


def corrected(by_id: dict[str, FactT]) -> Corrected[FactT]:
    """Resolve each fact to the latest correction of it by (known_at, id); depends on the set of facts alone.

    A correction replaces the fact whole, but for its id and known_at, or annuls it; it must keep the fact's kind.
    Corrections can be corrected themselves.
    """
    corrections = [fact for fact in by_id.values() if fact.kind == CORRECTED]
    if not corrections:
        return Corrected(dict(by_id), [], False)
    anomalies: list[Anomaly] = []
    of: dict[str, list[FactT]] = {}
    dangling = False
    for fact in sorted(corrections, key=lambda fact: (fact.known_at_us, fact.id)):
        if fact.target not in by_id:
            anomalies.append(Anomaly(fact.id, Contradiction.TARGET_UNKNOWN))
            dangling = True
        elif _in_circles(fact, by_id):
            anomalies.append(Anomaly(fact.id, Contradiction.IN_CIRCLES))
        else:
            of.setdefault(fact.target, []).append(fact)
    facts: dict[str, FactT] = {}
    for id_, fact in by_id.items():
        if fact.kind != CORRECTED:
            found = _resolve(fact, of, anomalies) if of else fact
            if found is not None:
                facts[id_] = found
    return Corrected(facts, sorted(set(anomalies), key=lambda anomaly: (anomaly.fact, anomaly.reason)), dangling)


def _in_circles(correction: FactT, by_id: dict[str, FactT]) -> bool:
    seen: set[str] = set()
    fact: FactT | None = correction
    while fact is not None and fact.kind == CORRECTED:
        if fact.id in seen:
            return True
        seen.add(fact.id)
        fact = by_id.get(fact.target)
    return False


def _resolve(fact: FactT, of: dict[str, list[FactT]], anomalies: list[Anomaly]) -> FactT | None:
    latest: FactT | None = None
    for correction in of.get(fact.id, ()):
        standing = _resolve(correction, of, anomalies)
        if standing is None:
            continue
        if _fits(fact, _replacement(standing)):
            latest = standing
        else:
            anomalies.append(Anomaly(correction.id, Contradiction.WRONG_TARGET))
    if latest is None:
        return fact
    replacement = _replacement(latest)
    if replacement is None:
        return None
    # Structs of msgspec: the generic bound cannot say so.
    return msgspec.structs.replace(replacement, id=fact.id, known_at_us=fact.known_at_us)  # type: ignore[type-var]


def _replacement(correction: FactT) -> FactT | None:
    found: FactT | None = getattr(correction, "replacement", None)
    return found


def _fits(fact: FactT, replacement: FactT | None) -> bool:
    if replacement is None:
        return True
    return replacement.kind == fact.kind and (fact.kind != CORRECTED or replacement.target == fact.target)


def by_id(facts: Iterable[FactT]) -> dict[str, FactT]:
    """Return facts by id; the same fact twice is one."""
    return {fact.id: fact for fact in facts}
