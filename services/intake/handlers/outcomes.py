"""What callers are told about a fact."""

from typing import Literal

import msgspec

from services.intake.domain.findings import Finding
from services.intake.domain.verdict import Accepted, Held, Refused, Verdict, Waiting, reasons_of
from services.intake.handlers.facts_in import IncomingFact, Refusal

Told = Literal["accepted", "repeated", "waiting", "quarantined", "refused", "conflict"]


class Wrong(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong: JSON pointer (RFC 6901) and what."""

    pointer: str
    detail: str


class Outcome(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What became of one fact."""

    id: str = ""
    """The producer's id, as far as it could be read."""
    fact: str = ""
    """Event id; "" for what is not understood."""
    outcome: Told
    reasons: list[str] = []
    missing: list[str] = []
    """Names (`kind book id`) for which it waits."""
    errors: list[Wrong] = []


def outcome_of(fact: IncomingFact, verdict: Verdict | None) -> Outcome:
    """Return what the sender of a fact is told; no verdict: it went on."""
    identity, event_id = fact.origin_id, fact.event_id
    if verdict is None or isinstance(verdict, Accepted):
        return Outcome(id=identity, fact=event_id, outcome="accepted")
    if isinstance(verdict, Waiting):
        reasons = [reason.value for reason in reasons_of(verdict.needs)]
        return Outcome(id=identity, fact=event_id, outcome="waiting", reasons=reasons, missing=list(verdict.needs))
    errors = wrongs(verdict.findings, fact.place)
    if isinstance(verdict, Held):
        return Outcome(id=identity, fact=event_id, outcome="quarantined", reasons=[verdict.reason.value], errors=errors)
    assert isinstance(verdict, Refused)
    return Outcome(id=identity, fact=event_id, outcome="refused", errors=errors)


def refused(refusal: Refusal) -> Outcome:
    """Return what the sender of something that is not understood is told."""
    return Outcome(id=refusal.origin_id, outcome="refused", errors=wrongs(refusal.findings))


def wrongs(findings: tuple[Finding, ...], place: str = "") -> list[Wrong]:
    """Return findings as callers read them."""
    return [Wrong(place + one.pointer, one.detail) for one in findings]
