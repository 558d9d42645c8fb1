"""What people do with the quarantine: look, retry, dismiss."""

from datetime import datetime
from typing import Literal, NamedTuple

from services.intake.domain.findings import Finding
from services.intake.domain.reading import microseconds
from services.intake.domain.reasons import HeldReason, State
from services.intake.handlers.accept import accept_facts
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import IncomingFact, read_record
from services.intake.handlers.keeping import hold_malformed, record_of, rewrite, understood_again
from services.intake.handlers.outcomes import Outcome, wrongs
from services.intake.store import quarantine
from shared.db.port import Tx


class Reviewed(NamedTuple):
    """What became of an item."""

    result: Literal["done", "unknown", "dismissed"]
    outcome: Outcome | None = None


async def retry_item(tx: Tx, desk: Desk, item: str, now: datetime) -> Reviewed:
    """Judge an item again, by what is known and allowed today."""
    rows = await quarantine.load(tx, [item])
    if not rows:
        return Reviewed("unknown")
    row = rows[0]
    if row.state == State.DISMISSED:
        return Reviewed("dismissed")
    if row.headers:
        fact = read_record(record_of(row), now, desk.bounds)
        if isinstance(fact, IncomingFact):
            # Understood now: it takes its place under its own id, and gives up the one under where it was read.
            await quarantine.let_go(tx, [item])
            fact.received_at_us = row.received_at
    else:
        fact = understood_again(row, now, desk.bounds)
    if not isinstance(fact, IncomingFact):
        await hold_malformed(tx, row, fact)
        told = Outcome(
            id=row.origin_id,
            fact=row.event_id,
            outcome="quarantined",
            reasons=[HeldReason.MALFORMED.value],
            errors=wrongs(fact.findings),
        )
        return Reviewed("done", told)
    (outcome,) = await accept_facts(tx, desk, [fact], now)
    if outcome.outcome == "repeated":
        await quarantine.let_go(tx, [item])
    elif outcome.outcome == "conflict":
        await rewrite(tx, row, HeldReason.ID_REUSED, ())
    elif outcome.outcome == "refused" and not fact.item:
        await rewrite(tx, row, HeldReason.MALFORMED, tuple(Finding(one.pointer, one.detail) for one in outcome.errors))
    return Reviewed("done", outcome)


async def dismiss_item(tx: Tx, item: str, comment: str, now: datetime) -> Reviewed:
    """Mark an item as not to be taken, with the reason that a person gives; it stays. Again has no effect."""
    rows = await quarantine.load(tx, [item])
    if not rows:
        return Reviewed("unknown")
    if rows[0].state == State.DISMISSED:
        return Reviewed("dismissed")
    await quarantine.dismiss(tx, item, comment, microseconds(now))
    return Reviewed("done")
