"""The batch: new facts into the ledger, their subjects folded on, what changed added to the counters (D4).

A constant number of statements per batch, whatever the number of facts. What is written does not depend on the order
in which facts came: counters are dated sums, states are those of the slow truth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.risk import metrics
from services.risk.domain.book import BookTerms
from services.risk.domain.moments import micros_of
from services.risk.handlers import arrivals as reading
from services.risk.handlers.arrivals import Arrival, Control
from services.risk.handlers.clients import NOBODY, fold_clients
from services.risk.handlers.cures import tell_cures
from services.risk.handlers.ledger import arrival_of, into_ledger
from services.risk.handlers.outcome import Outcome
from services.risk.handlers.reckoning import reckon
from services.risk.handlers.subjects import LOANS, PROJECTS, SURVEYS, Work, fold_subjects
from services.risk.store import books, counters, facts, marks
from services.risk.store.tables import HOUSE
from shared.db import lanes, positions
from shared.db.letters import WRONG_PARTITION
from shared.db.port import Tx
from shared.events import intake
from shared.events.base import Topic
from shared.kernel.days import FOREVER, day_of
from shared.kernel.money import parse_amount
from shared.log.lanes import Lanes, lane_of
from shared.runtime.service import Batch, Poison

EVALUATE = "evaluate"
"""Channel on which evaluators of other processes are woken; the payload is a book."""


@dataclass(frozen=True)
class Scope:
    """Who folds: this process, the number of lanes, and what it knows of its database."""

    owner: str
    partitions: int
    lanes: set[int] = field(default_factory=set)
    """Partitions of the intake topic that are assigned to this process."""
    tallies: set[int] = field(default_factory=set)
    """Tallies that are sure to be there already."""
    laid_out: list[Lanes] = field(default_factory=list)
    """The lanes of the intake topic, once they are known for good."""


async def lanes_of(tx: Tx, scope: Scope) -> int:
    """Return the number of lanes that the intake topic was first used with (D9)."""
    return (await _lanes(tx, scope)).partitions


async def _lanes(tx: Tx, scope: Scope) -> Lanes:
    if scope.laid_out:
        return scope.laid_out[0]
    stored = await lanes.stored_partitions(tx, HOUSE, Topic.INTAKE)
    if stored is None:
        return Lanes(scope.partitions)
    scope.laid_out.append(Lanes(stored))
    return scope.laid_out[0]


async def _check_lane(tx: Tx, batch: Batch, arrived: Sequence[Arrival], scope: Scope) -> None:
    """Refuse what another partitioner than ours wrote: only a client's own partition may change that client (D8)."""
    of = (await _lanes(tx, scope)).of
    for one in arrived:
        key = f"{one.message.book}/{one.envelope.client}"
        if of(key) != batch.partition:
            text = f"client {key} belongs to partition {of(key)}, and this came by {batch.partition}"
            raise Poison(text, WRONG_PARTITION)


async def fold_batch(tx: Tx, batch: Batch, scope: Scope) -> None:
    """Fold a batch of the intake topic; Poison or a decoding error when a record of it cannot be digested."""
    arrived = reading.decode_batch(batch.records)
    metrics.UNKNOWN_TYPES.inc(arrived.unknown)
    await _check_lane(tx, batch, arrived.facts, scope)
    early = await _open_books(tx, batch.partition, arrived.controls, scope)
    fresh = await into_ledger(tx, arrived.facts)
    terms = await _terms(tx, fresh, arrived.controls)
    outcome = Outcome()
    if fresh or early:
        of_clients = [one for one in fresh if one.subject.startswith("client/")]
        clients = await fold_clients(tx, batch.partition, of_clients, terms)
        work = Work(batch.partition, [*fresh, *early], clients, terms)
        await fold_subjects(tx, LOANS, work, outcome)
        await fold_subjects(tx, PROJECTS, work, outcome)
        await fold_subjects(tx, SURVEYS, work, outcome)
        await _save(tx, batch, outcome, scope)
    await _close_days(tx, batch, arrived.controls)
    await reckon(tx, batch.partition, fresh, arrived.controls)
    for book in sorted(outcome.cells.keys() | {control.message.book for control in arrived.controls}):
        await tx.wake(EVALUATE, book)
    metrics.FACTS_FOLDED.inc(len(fresh))
    metrics.FACTS_REPEATED.inc(len(arrived.facts) - len(fresh))


async def fold_surveys(tx: Tx, batch: Batch, scope: Scope) -> None:
    """Fold a batch of surveys of the feedback topic; a decoding error when a record of it cannot be digested.

    A client's surveys come in the lane of the same number as its facts (D8), whose fold is held off meanwhile: so a
    client that moves, or a book that opens, and a survey that comes at the same time cannot miss each other. What comes
    before this lane has opened its book waits in the ledger for that.
    """
    arrived = reading.decode_batch(batch.records)
    await _check_lane(tx, batch, arrived.facts, scope)
    await positions.hold(tx, HOUSE, "risk", Topic.INTAKE, batch.partition)
    fresh = await into_ledger(tx, arrived.facts)
    names = sorted({one.message.book for one in fresh})
    opened = await books.books_in_lane(tx, names, batch.partition) if names else {}
    ready = [one for one in fresh if one.message.book in opened]
    if not ready:
        return
    outcome = Outcome()
    terms = {name: book.terms for name, book in opened.items()}
    await fold_subjects(tx, SURVEYS, Work(batch.partition, ready, NOBODY, terms), outcome)
    await _save(tx, batch, outcome, scope)
    for book in sorted(outcome.cells):
        await tx.wake(EVALUATE, book)


async def _save(tx: Tx, batch: Batch, outcome: Outcome, scope: Scope) -> None:
    outcome.settle()
    await counters.add_cells(tx, batch.partition, outcome.cells, scope.tallies)
    await marks.replace_anomalies(tx, outcome.refolded, outcome.anomalies)
    await marks.add_marks(tx, outcome.marks(_origin(batch)))
    if outcome.cures:
        await tell_cures(tx, outcome.cures, await lanes_of(tx, scope))


def _origin(batch: Batch) -> str:
    return f"{batch.topic}/{batch.partition}/{batch.records[-1].offset:020d}"


async def _open_books(tx: Tx, partition: int, controls: Iterable[Control], scope: Scope) -> list[Arrival]:
    """Open books in this lane; return what came of their surveys before."""
    early: list[Arrival] = []
    for control in controls:
        message = control.message
        if not isinstance(message, intake.BookOpened):
            continue
        terms = terms_of(message)
        await books.add_book(tx, terms, message.time_zone, micros_of(message.known_at), partition)
        if lane_of(message.book, await lanes_of(tx, scope)) == partition:
            await books.add_evaluator(tx, message.book, scope.owner, terms.first_day)
        early += [arrival_of(row) for row in await facts.surveys_waiting(tx, message.book, partition)]
    return early


def terms_of(message: intake.BookOpened) -> BookTerms:
    """Return the terms of a book as the fold reads them."""
    tolerance = {currency: parse_amount(amount, currency) for currency, amount in message.tolerance.items()}
    return BookTerms(
        book=message.book,
        base_currency=message.base_currency,
        calendar=message.calendar,
        first_day=day_of(message.first_day),
        dpd_offset=message.dpd_offset,
        tolerance_minor=tolerance,
        segment_attributes=tuple(message.segment_attributes),
    )


async def _terms(tx: Tx, fresh: Sequence[Arrival], controls: Sequence[Control]) -> dict[str, BookTerms]:
    wanted = {one.message.book for one in fresh} | {control.message.book for control in controls}
    found = await books.books_named(tx, sorted(wanted)) if wanted else {}
    if missing := sorted(wanted - found.keys()):
        raise Poison(f"books {', '.join(missing)} are not known in this lane")
    return {name: book.terms for name, book in found.items()}


async def _close_days(tx: Tx, batch: Batch, controls: Iterable[Control]) -> None:
    """Record closes at this lane; the evaluator finds by itself what became final."""
    closed = [control for control in controls if isinstance(control.message, intake.BookDayClosed)]
    if not closed:
        return
    rows = [
        (control.message.book, day_of(control.message.day), micros_of(control.message.known_at))
        for control in closed
        if isinstance(control.message, intake.BookDayClosed)
    ]
    traces = {control.message.book: control.envelope.traceparent for control in closed}
    await books.close_lanes(tx, batch.partition, rows)
    origin = _origin(batch)
    latest = {book: known_at_us for book, _, known_at_us in rows}
    await marks.add_marks(
        tx,
        [
            marks.Mark(book, origin, marks.EVERY_SEGMENT, FOREVER, known_at_us, "close", traces[book])
            for book, known_at_us in latest.items()
        ],
    )
