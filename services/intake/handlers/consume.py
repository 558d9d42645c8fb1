"""Facts from the topic `tocsin.facts`: foreign producers, so everything that is wrong is kept (D11)."""

from collections.abc import Sequence
from datetime import datetime

from services.intake.domain.findings import Finding
from services.intake.domain.reasons import HeldReason
from services.intake.handlers.accept import accept_facts
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import IncomingFact, Refusal, read_record
from services.intake.handlers.keeping import keep_refused
from services.intake.handlers.outcomes import Outcome, refused
from shared.db.port import Tx
from shared.log.port import Record


async def take_records(tx: Tx, desk: Desk, records: Sequence[Record], now: datetime) -> list[Outcome]:
    """Accept the facts of some records; what is malformed or reuses an id is kept with its raw bytes."""
    read = [read_record(record, now, desk.bounds) for record in records]
    understood = [one for one in read if isinstance(one, IncomingFact)]
    outcomes = iter(await accept_facts(tx, desk, understood, now) if understood else ())
    told: list[Outcome] = []
    for record, one in zip(records, read, strict=True):
        if isinstance(one, Refusal):
            await keep_refused(tx, record, one, HeldReason.MALFORMED, now)
            told.append(_kept(refused(one), HeldReason.MALFORMED))
            continue
        outcome = next(outcomes)
        if outcome.outcome in ("conflict", "refused"):
            reason = HeldReason.ID_REUSED if outcome.outcome == "conflict" else HeldReason.MALFORMED
            findings = tuple(Finding(wrong.pointer, wrong.detail) for wrong in outcome.errors)
            refusal = Refusal(one.origin_id, one.source, one.reading.type, findings)
            await keep_refused(tx, record, refusal, reason, now)
            outcome = _kept(outcome, reason)
        told.append(outcome)
    return told


async def keep_undigestible(tx: Tx, record: Record, error: Exception, now: datetime) -> None:
    """Keep a record that broke the consumer itself."""
    findings = (Finding("", type(error).__name__),)
    await keep_refused(tx, record, Refusal("", "", "", findings), HeldReason.UNDIGESTIBLE, now)


def _kept(outcome: Outcome, reason: HeldReason) -> Outcome:
    return Outcome(
        id=outcome.id, fact=outcome.fact, outcome="quarantined", reasons=[reason.value], errors=outcome.errors
    )
