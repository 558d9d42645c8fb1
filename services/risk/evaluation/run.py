"""One evaluation of one book: what became final is published, what changed is rated, alerts move; all in one commit."""

from typing import NamedTuple

from services.risk.domain.moments import micros_of
from services.risk.evaluation.alerts import move_alerts
from services.risk.evaluation.publishing import last_final_month, publish
from services.risk.evaluation.revisions import write_revisions
from services.risk.evaluation.state import Dirt, Task
from services.risk.handlers.fold import Scope, lanes_of
from services.risk.store import alerts, awaited, books, counters, marks, policies
from services.risk.store.tables import HOUSE
from shared import telemetry
from shared.crashpoint import crash_point
from shared.db import outbox
from shared.db.port import Tx
from shared.log.lanes import lane_of

ORIGINS_MAX = 200
"""Batches, closes and policies whose marks one evaluation takes; the next one takes the rest."""


class Evaluated(NamedTuple):
    """What an evaluation did."""

    marks: int
    values: int
    revisions: int
    more: bool
    """Marks may be left."""


class Fenced(Exception):
    """Another process owns the book's evaluator now; nothing was written."""


async def evaluate_book(tx: Tx, book: str, scope: Scope) -> Evaluated | None:
    """Evaluate a book in a snapshot transaction; None when this process does not own its evaluator.

    Takes the evaluator's row first, so that two evaluations of a book never interleave, whoever believes to own it.
    """
    held = await books.lock_evaluator(tx, book)
    stored = await books.book_named(tx, book)
    if held is None or stored is None:
        return None
    lanes = await lanes_of(tx, scope)
    evaluator = held
    if held.owner != scope.owner:
        if lane_of(book, lanes) not in scope.lanes:
            return None
        evaluator = held._replace(owner=scope.owner, epoch=held.epoch + 1)
    taken = await marks.marks_of(tx, book, ORIGINS_MAX)
    origins = {mark.origin for mark in taken}
    terms = stored.terms
    closed = await books.closed_through(tx, book, lanes)
    closed_through = max(evaluator.evaluated_through, terms.first_day - 1 if closed is None else closed)
    dirt = Dirt(taken)
    opened = closed_through > evaluator.evaluated_through
    if opened:
        crash_point("evaluate.after_close")
    task = Task(
        book=book,
        terms=terms,
        evaluator=evaluator,
        closed_through=closed_through,
        final_month=await last_final_month(tx, terms, evaluator.final_month, closed_through),
        dirt=dirt,
        segments=await counters.segments_of(tx, book) if opened or dirt.everywhere else sorted(dirt.segments),
        history=await policies.policy_history(tx),
        now_us=micros_of(tx.now),
    )
    with telemetry.span("evaluate", origins=task.dirt.origins, book=book):
        changed = await publish(tx, task)
        moved = await move_alerts(tx, task, changed)
        written = await write_revisions(tx, task, moved, scope.partitions)
    await alerts.save_alerts(tx, written.alerts, written.revisions)
    if written.messages:
        await outbox.put(tx, HOUSE, written.messages)
        await awaited.await_answers(tx, written.revisions, written.messages)
    crash_point("evaluate.before_marks")
    await marks.drop_marks(tx, book, origins)
    after = evaluator._replace(
        evaluated_through=task.closed_through,
        final_month=task.final_month,
        feed=evaluator.feed + len(written.revisions),
    )
    if not await books.save_evaluator(tx, book, held, after):
        raise Fenced(book)
    return Evaluated(len(taken), len(changed), len(written.revisions), len(origins) == ORIGINS_MAX)
