"""Accept facts: the one use case behind single posts, batches, NDJSON and the topic `tocsin.facts`.

All of it works on sets: a constant number of statements per call, and per round of facts that others set free.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from services.intake.domain.reading import fact_name
from services.intake.domain.reasons import HeldReason, State
from services.intake.domain.verdict import (
    CORRECTION,
    Accepted,
    Verdict,
    Waiting,
    judge,
    target_of,
)
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import Bounds, IncomingFact, read_replacement, target_from
from services.intake.handlers.keeping import hold_malformed, keep_understood, understood_again
from services.intake.handlers.outcomes import Outcome, Told, outcome_of
from services.intake.handlers.passing_on import pass_on
from services.intake.handlers.view import View, look_up, look_up_facts, look_up_names
from services.intake.store import ledger, quarantine, registry
from shared.db.port import Tx

RELEASED_PAGE = 1_000


class _Run(msgspec.Struct, gc=False):
    """One call at work."""

    view: View
    now: datetime
    bounds: Bounds
    pending: list[IncomingFact]
    """Understood facts that have not gone on."""
    verdicts: dict[str, Verdict]
    """What was last decided on each of those, by event id."""
    accepted: list[tuple[IncomingFact, Accepted]]
    raced: set[str]
    """Event ids that another transaction appended between our look-up and our append."""


async def accept_facts(tx: Tx, desk: Desk, incoming: Sequence[IncomingFact], now: datetime) -> list[Outcome]:
    """Take facts in: into the ledger and on their way, or into quarantine; facts that waited for them go on too.

    Returns an outcome per fact, in order. Nothing is stored of those with outcome `conflict` or `refused`: the caller
    tells its client, or keeps them as malformed.
    """
    await desk.fix_lanes(tx)
    settled = await _settle_repeats(tx, incoming)
    first: dict[str, IncomingFact] = {}
    for fact in incoming:
        if fact.event_id not in settled:
            first.setdefault(fact.event_id, fact)
    run = await _go_through(tx, desk, list(first.values()), (), now)
    if run.raced:
        settled |= await _settle_repeats(tx, [fact for fact in incoming if fact.event_id in run.raced])
    return [_outcome(fact, first.get(fact.event_id), settled, run) for fact in incoming]


async def release(tx: Tx, desk: Desk, names: Iterable[str], now: datetime) -> int:
    """Let facts go on that waited for these names, now known; return how many went into the ledger."""
    await desk.fix_lanes(tx)
    run = await _go_through(tx, desk, [], tuple(names), now)
    return len(run.accepted)


async def _go_through(tx: Tx, desk: Desk, fresh: list[IncomingFact], arrived: Sequence[str], now: datetime) -> _Run:
    """Decide, write, and go on with what was set free, until nothing more is."""
    run = _Run(View(), now, desk.bounds, fresh, {}, [], set())
    await look_up(tx, run.view, fresh)
    names = set(arrived) | await _advance(tx, run)
    while names:
        arriving, names = names, set()
        after: tuple[int, int, str] | None = None
        while page := await quarantine.waiting_for(tx, arriving, after, RELEASED_PAGE):
            after = (page[-1].value_date, page[-1].known_at, page[-1].item)
            in_play = {fact.event_id for fact in run.pending}
            freed = await _take_up(tx, [row for row in page if row.item not in in_play], run)
            await look_up(tx, run.view, freed, released=True)
            run.pending += freed
            names |= await _advance(tx, run)
            if len(page) < RELEASED_PAGE:
                break
    await pass_on(tx, desk, run.accepted, run.view.open_days)
    if gone := [fact.item for fact, _ in run.accepted if fact.item]:
        await quarantine.let_go(tx, gone)
    await keep_understood(tx, [(fact, run.verdicts[fact.event_id]) for fact in run.pending])
    return run


async def _take_up(tx: Tx, rows: Sequence[Row[Any]], run: _Run) -> list[IncomingFact]:
    """Return quarantined facts as facts again; what the rules of today refuse is held for a person."""
    freed = []
    for row in rows:
        fact = understood_again(row, run.now, run.bounds)
        if isinstance(fact, IncomingFact):
            freed.append(fact)
        else:
            await hold_malformed(tx, row, fact)
    return freed


async def _advance(tx: Tx, run: _Run) -> set[str]:
    """Decide on all pending facts and append the accepted ones; return the names that are known by that."""
    newly = await _decide(tx, run)
    if not newly:
        return set()
    new = await ledger.add(tx, [_ledger_row(fact, accepted) for fact, accepted in newly])
    if len(new) != len(newly):
        run.raced.update(fact.event_id for fact, _ in newly if fact.event_id not in new)
        newly = [(fact, accepted) for fact, accepted in newly if fact.event_id in new]
    run.accepted += newly
    registered = [
        (fact.reading.registers, accepted.client, fact.reading.currency, fact.event_id)
        for fact, accepted in newly
        if fact.reading.registers
    ]
    if registered:
        await registry.register(tx, registered)
    return {fact_name(fact.event_id) for fact, _ in newly} | {name for name, _, _, _ in registered}


async def _decide(tx: Tx, run: _Run) -> list[tuple[IncomingFact, Accepted]]:
    """Judge pending facts until no more of them go on; a fact may need what came after it in the same batch."""
    newly: list[tuple[IncomingFact, Accepted]] = []
    while True:
        accepted, run.pending = _judge_all(run)
        newly += accepted
        if accepted and run.pending:
            continue
        if not await _look_closer(tx, run):
            return newly


def _judge_all(run: _Run) -> tuple[list[tuple[IncomingFact, Accepted]], list[IncomingFact]]:
    view, verdicts = run.view, run.verdicts
    accepted, pending = [], []
    for fact in run.pending:
        reading = fact.reading
        replacement = None
        if reading.type == CORRECTION and (target := target_of(reading, view.targets)) is not None:
            replacement = read_replacement(fact, target, run.now, run.bounds)
        verdict = judge(reading, fact.event_id, view.known, view.targets, replacement)
        if isinstance(verdict, Accepted):
            accepted.append((fact, verdict))
            verdicts.pop(fact.event_id, None)
            if reading.registers:
                view.note(reading.registers, verdict.client, reading.currency, fact.event_id)
            if fact.event_id in view.sought:
                view.targets[fact.event_id] = target_from(
                    fact.event_id, reading.type, reading.book, verdict.subject, verdict.client, fact.body
                )
        else:
            verdicts[fact.event_id] = verdict
            pending.append(fact)
    return accepted, pending


async def _look_closer(tx: Tx, run: _Run) -> bool:
    """Look up names that facts turned out to wait for only after others had arrived; tell whether there were any."""
    needs = {need for verdict in run.verdicts.values() if isinstance(verdict, Waiting) for need in verdict.needs}
    unseen = run.view.unseen(needs)
    if not unseen:
        return False
    names = {name for name in unseen if not name.startswith("fact ")}
    await look_up_names(tx, run.view, names)
    facts = {name.removeprefix("fact ") for name in unseen - names}
    if facts:
        await look_up_facts(tx, run.view, facts)
    return True


async def _settle_repeats(tx: Tx, incoming: Sequence[IncomingFact]) -> dict[str, dict[str, Outcome]]:
    """Return, by event id and digest, what became of facts that came before; other digests are conflicts."""
    ids = {fact.event_id for fact in incoming}
    settled: dict[str, dict[str, Outcome]] = {}
    if not ids:
        return settled
    for event_id, digest in (await ledger.digests(tx, ids)).items():
        settled[event_id] = {digest: Outcome(fact=event_id, outcome="repeated")}
    own = {fact.item for fact in incoming if fact.item}
    for row in await quarantine.understood(tx, ids - own):
        told: Told = "waiting" if row.state == State.WAITING else "quarantined"
        reasons = [row.reason] if row.state != State.DISMISSED else [row.reason, State.DISMISSED.value]
        outcome = Outcome(fact=row.item, outcome=told, reasons=reasons, missing=row.missing)
        settled.setdefault(row.item, {row.digest: outcome})
    return settled


def _outcome(
    fact: IncomingFact, first: IncomingFact | None, settled: dict[str, dict[str, Outcome]], run: _Run
) -> Outcome:
    before = settled.get(fact.event_id)
    if before is not None:
        found = before.get(fact.digest)
        if found is not None:
            return msgspec.structs.replace(found, id=fact.origin_id)
    elif first is fact:
        return outcome_of(fact, run.verdicts.get(fact.event_id))
    elif first is not None and first.digest == fact.digest:
        told = outcome_of(first, run.verdicts.get(fact.event_id))
        return told if told.outcome != "accepted" else msgspec.structs.replace(told, outcome="repeated")
    return Outcome(id=fact.origin_id, fact=fact.event_id, outcome="conflict", reasons=[HeldReason.ID_REUSED.value])


def _ledger_row(fact: IncomingFact, accepted: Accepted) -> tuple[object, ...]:
    reading = fact.reading
    return (
        fact.event_id,
        fact.source,
        fact.origin_id,
        *(fact.origin or (None, None, None)),
        accepted.client,
        accepted.subject,
        reading.book,
        reading.type,
        reading.value_date,
        fact.known_at_us,
        fact.received_at_us,
        fact.digest,
        fact.body,
    )
