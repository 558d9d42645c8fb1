"""What becomes of a valid fact, given what is known: existence only, never a loan's state (D11)."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from services.intake.domain.findings import Finding, amount_problem
from services.intake.domain.reading import Reading, fact_name
from services.intake.domain.reasons import HeldReason

REPAYMENT = "tocsin.repayment.received.v1"
REVERSAL = "tocsin.repayment.reversed.v1"
CORRECTION = "tocsin.fact.corrected.v1"
_UNKNOWN = {
    "book": HeldReason.UNKNOWN_BOOK,
    "client": HeldReason.UNKNOWN_CLIENT,
    "loan": HeldReason.UNKNOWN_LOAN,
    "project": HeldReason.UNKNOWN_PROJECT,
    "fact": HeldReason.UNKNOWN_FACT,
}
_ALREADY_KNOWN = {
    "client": HeldReason.CLIENT_ALREADY_KNOWN,
    "loan": HeldReason.LOAN_ALREADY_KNOWN,
    "project": HeldReason.PROJECT_ALREADY_KNOWN,
}


class Registered(msgspec.Struct, frozen=True, gc=False):
    """What is known under a name."""

    client: str = ""
    """Client id of first registration: the key of every fact of this client, loan or project (D8)."""
    currency: str = ""
    fact: str = ""
    """Event id of the fact that made it known."""


class Target(NamedTuple):
    """An earlier fact that is reversed or corrected."""

    event_id: str
    type: str
    book: str
    subject: str
    client: str
    repayment: str = ""
    """What a reversal names; a correction does not change that."""


class Replacement(NamedTuple):
    """The body of a correction."""

    reading: Reading
    repayment: str = ""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """It goes into the ledger and on its way, under this client's key."""

    client: str
    subject: str
    target: str = ""


class Waiting(NamedTuple):
    """It waits for these names."""

    needs: tuple[str, ...]


class Held(NamedTuple):
    """It is understood but contradicts what is known, or is not plausible: a person looks at it."""

    reason: HeldReason
    findings: tuple[Finding, ...] = ()


class Refused(NamedTuple):
    """It can only now be seen that it is malformed."""

    findings: tuple[Finding, ...]


Verdict = Accepted | Waiting | Held | Refused


def reasons_of(needs: tuple[str, ...]) -> list[HeldReason]:
    """Return why a fact waits: one reason per kind of name that it misses."""
    return list(dict.fromkeys(_UNKNOWN[need.partition(" ")[0]] for need in needs))


def judge(
    fact: Reading,
    event_id: str,
    known: Mapping[str, Registered],
    targets: Mapping[str, Target],
    replacement: Replacement | tuple[Finding, ...] | None = None,
) -> Verdict:
    """Decide on one fact. `replacement` is the body of a correction, read with its target's type, or what is wrong."""
    if fact.held is not None:
        return Held(fact.held)
    missing = [name for name in fact.needs if name not in known]
    target = target_of(fact, targets)
    if fact.refers and target is None:
        missing.extend(fact_name(one) for one in (fact.refers, fact.refers_directly) if one)
    if missing:
        return Waiting(tuple(missing))
    if fact.type == CORRECTION:
        assert target is not None
        return _judge_correction(fact, known, target, replacement)
    if fact.registers:
        before = known.get(fact.registers)
        if before is not None and before.fact != event_id:
            return Held(_ALREADY_KNOWN[fact.registers.partition(" ")[0]])
        return Accepted(fact.client, fact.subject)
    subject = known[fact.subject_name]
    if held := _money_clash(fact, subject):
        return held
    if target is not None and (target.type != REPAYMENT or (target.book, target.subject) != (fact.book, fact.subject)):
        return Held(HeldReason.TARGET_DIFFERS, (Finding("/repayment", "is not a repayment of this loan"),))
    return Accepted(subject.client, fact.subject, target.event_id if target else "")


def target_of(fact: Reading, targets: Mapping[str, Target]) -> Target | None:
    """Return the earlier fact that a fact names, if it has arrived."""
    if not fact.refers:
        return None
    return targets.get(fact.refers) or targets.get(fact.refers_directly)


def _judge_correction(
    fact: Reading,
    known: Mapping[str, Registered],
    target: Target,
    replacement: Replacement | tuple[Finding, ...] | None,
) -> Verdict:
    if target.type == CORRECTION:
        return Held(HeldReason.CORRECTION_OF_CORRECTION, (Finding("/fact", "correct the first fact again instead"),))
    if target.book != fact.book:
        return Held(HeldReason.TARGET_DIFFERS, (Finding("/book", "the fact belongs to another book"),))
    accepted = Accepted(target.client, target.subject, target.event_id)
    if replacement is None:
        return accepted
    if not isinstance(replacement, Replacement):
        return Refused(replacement)
    reading = replacement.reading
    if reading.held is not None:
        return Held(reading.held)
    if findings := _other_target(replacement, target):
        return Held(HeldReason.TARGET_DIFFERS, findings)
    # The subject of the target is known for certain, but perhaps not looked up yet: that is what waiting for it does.
    needs = dict.fromkeys((*reading.needs, reading.subject_name))
    missing = tuple(name for name in needs if name not in known)
    if missing:
        return Waiting(missing)
    return _money_clash(reading, known[reading.subject_name]) or accepted


def _other_target(replacement: Replacement, target: Target) -> tuple[Finding, ...]:
    """Say in what a correction's body speaks of something else than the fact that it corrects."""
    reading = replacement.reading
    if (reading.book, reading.subject) != (target.book, target.subject):
        return (Finding("/body", "speaks of another book, client, loan or project"),)
    if reading.client and reading.client != target.client:
        return (Finding("/body/client", "a fact's client is never changed"),)
    if replacement.repayment != target.repayment:
        return (Finding("/body/repayment", "a reversal's repayment is never changed: annul it and send another"),)
    return ()


def _money_clash(fact: Reading, subject: Registered) -> Held | None:
    if not subject.currency:
        return None
    if fact.currency and fact.currency != subject.currency:
        detail = f"the loan or project is in {subject.currency}"
        return Held(HeldReason.CURRENCY_DIFFERS, (Finding("/currency", detail),))
    for amount in fact.loose_amounts:
        if problem := amount_problem(amount, subject.currency, zero=True):
            return Held(HeldReason.CURRENCY_DIGITS, (Finding("", problem),))
    return None
