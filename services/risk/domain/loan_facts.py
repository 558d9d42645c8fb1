"""Facts about one loan as the fold reads them, their order, and which of them count."""

from collections.abc import Iterable
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from services.risk.domain.anomaly import Anomaly, Contradiction
from services.risk.domain.corrections import by_id, corrected
from services.risk.domain.schedule import Instalment, Terms
from shared.kernel.days import Day

Order = tuple[Day, int, int, str]
"""Value date, rank within the day, known_at_us, id."""


@unique
class LoanKind(StrEnum):
    """What happened to a loan; listed in the order in which facts of one day are folded.

    A day has no hours, so its facts are taken in the order that makes sense: a loan begins before it is repaid, and
    the payment that pays it off comes before its closure, whichever was known first.
    """

    DISBURSED = "disbursed"
    TAKEN_ON = "taken_on"
    CAPITALISED = "capitalised"
    REPAID = "repaid"
    RESTRUCTURED = "restructured"
    CHARGED_OFF = "charged_off"
    CLOSED = "closed"
    LEFT_BOOK = "left_book"
    RECOVERED = "recovered"
    RECOVERY_REVERSED = "recovery_reversed"
    REVERSED = "reversed"
    CORRECTED = "corrected"


_RANK = {kind: rank for rank, kind in enumerate(LoanKind)}


class LoanFact(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One fact about one loan; which fields it needs follows from its kind."""

    kind: LoanKind
    day: Day
    """Value date."""
    known_at_us: int
    """When the lender knew, microseconds since 1970 UTC."""
    id: str
    """Event id."""
    currency: str = ""
    amount_minor: int = 0
    """disbursed, taken_on: principal; repaid, capitalised, recovered...: the amount; reversed: 0 = all of it."""
    principal_minor: int | None = None
    """repaid: the principal in it, None when the schedule's own split decides."""
    schedule: Terms | None = None
    """disbursed, taken_on, restructured."""
    arrears: tuple[Instalment, ...] = ()
    """taken_on: due earlier and still unpaid."""
    holiday_months: int = 0
    """restructured without a schedule: uncovered instalments move by so many months."""
    attributes: dict[str, str] = {}
    """disbursed, taken_on: the loan's own segment attributes."""
    target: str = ""
    """reversed, corrected: event id of the fact meant."""
    replacement: "LoanFact | None" = None
    """corrected: the fact as it should have been; None annuls it. Its own id and known_at do not matter."""


class Effective(NamedTuple):
    """The facts that count, in order, with corrections and reversals worked in."""

    facts: list[LoanFact]
    anomalies: list[Anomaly]
    dangling: bool
    """A reversal or correction waits for its target."""


def order_of(fact: LoanFact) -> Order:
    """Return the place of a fact among the facts of its loan."""
    return (fact.day, _RANK[fact.kind], fact.known_at_us, fact.id)


def effective(facts: Iterable[LoanFact]) -> Effective:
    """Work corrections and reversals in and sort what is left; depends on the set of facts, not on their order.

    The latest correction by (known_at, id) replaces a fact whole or annuls it; the fact keeps its own id and known_at.
    A reversed repayment, or the part of it that is reversed, counts as never received.
    """
    known = by_id(facts)
    standing, anomalies, dangling = corrected(known)
    reversals = [fact for fact in standing.values() if fact.kind is LoanKind.REVERSED]
    for reversal in sorted(reversals, key=order_of):
        reason = _take_back(standing, reversal, known)
        if reason is not None:
            anomalies.append(Anomaly(reversal.id, reason))
            dangling = dangling or reason is Contradiction.TARGET_UNKNOWN
    counting = (fact for fact in standing.values() if fact.kind is not LoanKind.REVERSED)
    ordered = sorted((fact for fact in counting if fact.kind is not LoanKind.REPAID or fact.amount_minor), key=order_of)
    return Effective(ordered, anomalies, dangling)


def _take_back(standing: dict[str, LoanFact], reversal: LoanFact, known: dict[str, LoanFact]) -> Contradiction | None:
    target = standing.get(reversal.target)
    if target is None:
        # A repayment that was annulled needs no reversal any more.
        return None if reversal.target in known else Contradiction.TARGET_UNKNOWN
    if target.kind is not LoanKind.REPAID:
        return Contradiction.WRONG_TARGET
    if reversal.currency and reversal.currency != target.currency:
        return Contradiction.OTHER_CURRENCY
    left = target.amount_minor - (reversal.amount_minor or target.amount_minor)
    principal = target.principal_minor
    if principal is not None and target.amount_minor:
        principal = principal * max(0, left) // target.amount_minor
    standing[target.id] = msgspec.structs.replace(target, amount_minor=max(0, left), principal_minor=principal)
    return Contradiction.REVERSED_TOO_MUCH if left < 0 else None
