"""The days-past-due ledger of one loan: facts in, state and what they add to the counters out (D4).

`fold` is the definition: it depends on the set of facts alone. `advance` continues it from a saved state by one fact
that comes after all others; a fact that does not `continue` is added by folding the loan with and without it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.risk.domain.ahead import ahead
from services.risk.domain.anomaly import Anomaly, Contradiction
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, Rows
from services.risk.domain.default_path import rolled
from services.risk.domain.flows import instalment_rows, month_rows, paid_rows
from services.risk.domain.loan_facts import LoanFact, LoanKind, effective, order_of
from services.risk.domain.loan_state import LoanState, Standing, Status
from services.risk.domain.loan_view import LoanView, view_of
from services.risk.domain.schedule import expand, packed, with_arrears
from services.risk.domain.segments import SegmentMove, place, recent, segment_log
from shared.kernel.days import Day, add_months, month_end, month_of, month_start

__all__ = ["Anomaly", "Folded", "LoanState", "LoanView", "SegmentMove", "advance", "continues", "fold", "view"]

RESTRUCTURED_MONTHS = 12
_NEVER_CONTINUE = frozenset((LoanKind.DISBURSED, LoanKind.TAKEN_ON, LoanKind.REVERSED, LoanKind.CORRECTED))


class Folded(NamedTuple):
    """Outcome of a fold: the state (None without facts that count), cells to add, contradictions."""

    state: LoanState | None
    cells: Cells
    anomalies: list[Anomaly]


class _Step(NamedTuple):
    state: LoanState
    rows: Rows
    anomaly: Contradiction | None


def fold(facts: Sequence[LoanFact], moves: Sequence[SegmentMove], terms: BookTerms) -> Folded:
    """Fold all facts of one loan, given in any order, with the moves of its client between segments."""
    counting = effective(facts)
    anomalies = counting.anomalies
    state: LoanState | None = None
    rows: Rows = {}
    own: dict[str, str] = {}
    for fact in counting.facts:
        if fact.kind in _STARTS and (state is None or state.status is Status.EXPECTED):
            own = fact.attributes
        state, changed, anomaly = _step(state or LoanState(), fact, terms)
        for key, value in changed.items():
            rows[key] = rows.get(key, 0) + value
        if anomaly is not None:
            anomalies.append(Anomaly(fact.id, anomaly))
    if state is None:
        return Folded(None, {}, anomalies)
    log = segment_log(own, moves, terms.segment_attributes)
    state.segments = recent(log, state.last_order[0])
    state.dangling = counting.dangling
    if state.status is Status.EXPECTED:
        anomalies.extend(Anomaly(fact, Contradiction.NEVER_STARTED) for fact in (state.last_order[3],))
    return Folded(state, place(rows, log, state.currency), anomalies)


def continues(state: LoanState | None, fact: LoanFact) -> bool:
    """Tell whether `advance` may add the fact: it comes after all others of its loan and changes none of them."""
    if state is None or state.dangling or fact.kind in _NEVER_CONTINUE:
        return False
    return order_of(fact) > state.last_order


def advance(state: LoanState, fact: LoanFact, terms: BookTerms) -> Folded:
    """Continue a fold by a fact that `continues` it; the cells are what the fact changes. The state is not touched."""
    after, rows, anomaly = _step(state, fact, terms)
    if len(after.segments) > 1:
        after.segments = recent(after.segments, fact.day)
    anomalies = [] if anomaly is None else [Anomaly(fact.id, anomaly)]
    return Folded(after, place(rows, after.segments, after.currency), anomalies)


def view(facts: Sequence[LoanFact], moves: Sequence[SegmentMove], terms: BookTerms, as_of: Day) -> LoanView | None:
    """Return the loan as at the close of a day, from the facts given; None when none is dated so early."""
    counting = [fact for fact in effective(facts).facts if fact.day <= as_of]
    folded = fold(counting, [move for move in moves if move.day <= as_of], terms)
    if folded.state is None:
        return None
    return view_of(rolled(folded.state, as_of, terms), terms, as_of)


def _step(state: LoanState, fact: LoanFact, terms: BookTerms) -> _Step:
    before = rolled(state, fact.day, terms)
    after = before.__copy__()
    after.last_order = order_of(fact)
    handler = _HANDLERS[fact.kind]
    rows: Rows = {}
    anomaly = handler(before, after, fact, terms, rows)
    if anomaly is None or anomaly in _APPLIED_ANYWAY:
        for key, value in ahead(before, fact.day, terms).items():
            rows[key] = rows.get(key, 0) - value
        for key, value in ahead(after, fact.day, terms).items():
            rows[key] = rows.get(key, 0) + value
    return _Step(after, rows, anomaly)
