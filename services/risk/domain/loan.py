"""The days-past-due ledger of one loan: facts in, state and what they add to the counters out (D4).

`fold` is the definition: it depends on the set of facts alone. `advance` continues it from a saved state by one fact
that comes after all others; a fact that does not `continue` is added by folding the loan with and without it.
"""

from collections.abc import Callable, Sequence
from copy import copy
from typing import NamedTuple

import msgspec

from services.risk.domain.ahead import ahead
from services.risk.domain.anomaly import Anomaly, Contradiction
from services.risk.domain.arrears import follow_arrears
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, Rows
from services.risk.domain.change import Change, Placeable, Total
from services.risk.domain.default_path import rolled
from services.risk.domain.flows import count_instalments, count_months, count_paid, falls_due
from services.risk.domain.loan_facts import Effective, LoanFact, LoanKind, effective, order_of
from services.risk.domain.loan_state import Cure, Early, LoanState, Standing, Status
from services.risk.domain.loan_view import LoanView, view_of
from services.risk.domain.schedule import scheduled, with_arrears
from services.risk.domain.segments import SegmentMove, recent, segment_log
from shared.kernel.days import Day, add_months, month_end, month_of

__all__ = [
    "Anomaly",
    "Folded",
    "LoanState",
    "LoanView",
    "SegmentMove",
    "advance",
    "continues",
    "fold",
    "fold_both",
    "view",
]

RESTRUCTURED_MONTHS = 12
_STARTS = (LoanKind.DISBURSED, LoanKind.TAKEN_ON)
_NEVER_CONTINUE = frozenset((*_STARTS, LoanKind.REVERSED, LoanKind.CORRECTED))


class Folded(NamedTuple):
    """Outcome of a fold: the state (None without facts that count), what to add to the counters, contradictions."""

    state: LoanState | None
    adds: Placeable
    anomalies: list[Anomaly]
    cures: list[Cure]
    """Every cure of arrears, in order; the state has the last one."""

    @property
    def cells(self) -> Cells:
        """What it adds, as cells."""
        return self.adds.cells()


def fold(facts: Sequence[LoanFact], moves: Sequence[SegmentMove], terms: BookTerms) -> Folded:
    """Fold all facts of one loan, given in any order, with the moves of its client between segments.

    Of several moves on one day the last one in the sequence counts. Contradictions never raise: a fact that makes no
    sense is ignored or applied as `Contradiction` says, and reported.
    """
    counting = effective(facts)
    life = _Life(terms)
    life.live(counting.facts)
    return life.folded(counting, moves)


def fold_both(
    old: Sequence[LoanFact], new: Sequence[LoanFact], moves: Sequence[SegmentMove], terms: BookTerms
) -> tuple[Folded, Folded]:
    """Fold the facts of a loan as they were and as they are; only the difference of what the two add has a meaning.

    Both begin with the same facts up to the first one that is new, taken back or corrected. Those are folded once, and
    what they add is left out of both: it cancels out.
    """
    before, after = effective(old), effective(new)
    shared = _shared(before.facts, after.facts)
    life = _Life(terms)
    life.live(after.facts[:shared], silent=True)
    other = life.fork()
    other.live(before.facts[shared:])
    life.live(after.facts[shared:])
    return other.folded(before, moves), life.folded(after, moves)


def _shared(some: Sequence[LoanFact], others: Sequence[LoanFact]) -> int:
    """Return with how many equal facts both begin."""
    for place, (one, other) in enumerate(zip(some, others, strict=False)):
        if one is not other and one != other:
            return place
    return min(len(some), len(others))


class _Life:
    """A loan on its way through its facts."""

    def __init__(self, terms: BookTerms) -> None:
        """Nothing has happened yet."""
        self._terms = terms
        self._state: LoanState | None = None
        self._own: dict[str, str] = {}
        self._total = Total(terms)
        self._anomalies: list[Anomaly] = []
        self._cures: list[Cure] = []

    def fork(self) -> "_Life":
        """Return a life that goes its own way from here and has added nothing yet."""
        other = _Life(self._terms)
        other._state, other._own = self._state, self._own
        other._anomalies, other._cures = list(self._anomalies), list(self._cures)
        return other

    def live(self, facts: Sequence[LoanFact], silent: bool = False) -> None:
        """Go through facts in order; `silent`: without counting what they add."""
        for fact in facts:
            state = self._state
            if fact.kind in _STARTS and (state is None or state.status is Status.EXPECTED):
                self._own = fact.attributes
            step = _step(state or LoanState(), fact, self._terms)
            cured = step.after.cured
            if cured is not None and (state is None or cured is not state.cured):
                self._cures.append(cured)
            if step.anomaly is not None:
                self._anomalies.append(Anomaly(fact.id, step.anomaly))
            if not silent:
                self._total.add(step.change(fact.day))
            self._state = step.after

    def folded(self, counting: Effective, moves: Sequence[SegmentMove]) -> Folded:
        """Return what came of it; `counting` says what of the facts came to count."""
        state, total, anomalies = self._state, self._total, [*counting.anomalies, *self._anomalies]
        if state is None:
            return Folded(None, Placeable(total), anomalies, [])
        log = segment_log(self._own, moves, self._terms.segment_attributes)
        # Two lives that fork at the end share their last state.
        state = copy(state)
        state.segments = recent(log, state.last_order[0])
        state.dangling = counting.dangling
        return Folded(state, Placeable(total, log, state.currency), anomalies, self._cures)


def continues(state: LoanState | None, fact: LoanFact) -> bool:
    """Tell whether `advance` may add the fact: it comes after all others of its loan and changes none of them."""
    if state is None or state.dangling or fact.kind in _NEVER_CONTINUE:
        return False
    return order_of(fact) > state.last_order


def advance(state: LoanState, fact: LoanFact, terms: BookTerms) -> Folded:
    """Continue a fold by a fact that `continues` it; the cells are what the fact changes. The state is not touched."""
    after, changed, anomalies = proceed(state, fact, terms)
    cures = [after.cured] if after.cured is not None and after.cured is not state.cured else []
    total = Total(terms)
    total.add(changed)
    return Folded(after, Placeable(total, after.segments, after.currency), anomalies, cures)


def proceed(state: LoanState, fact: LoanFact, terms: BookTerms) -> tuple[LoanState, Change, list[Anomaly]]:
    """Continue a fold without placing what changes: changes of many loans of the same segments are placed at once."""
    step = _step(state, fact, terms)
    after, anomaly = step.after, step.anomaly
    if len(after.segments) > 1:
        after.segments = recent(after.segments, fact.day)
    return after, step.change(fact.day), [] if anomaly is None else [Anomaly(fact.id, anomaly)]


def view(facts: Sequence[LoanFact], moves: Sequence[SegmentMove], terms: BookTerms, as_of: Day) -> LoanView | None:
    """Return the loan as at the close of a day, from the facts given; None when none is dated so early."""
    counting = [fact for fact in effective(facts).facts if fact.day <= as_of]
    state = fold(counting, moves, terms).state
    return None if state is None else view_of(state, terms, as_of)


class _Step(msgspec.Struct, frozen=True, gc=False):
    """What one fact does to a loan."""

    before: LoanState
    """Rolled to the fact's month."""
    after: LoanState
    rows: Rows
    anomaly: Contradiction | None

    def change(self, day: Day) -> Change:
        """Return what it changes, as seen from the day of the fact."""
        return Change(self.rows, ahead(self.before, day), ahead(self.after, day))


def _step(state: LoanState, fact: LoanFact, terms: BookTerms) -> _Step:
    before = rolled(state, fact.day, terms)
    after = copy(before)
    after.last_order = order_of(fact)
    rows: Rows = {}
    anomaly = _HANDLERS[fact.kind](before, after, fact, terms, rows)
    follow_arrears(before, after, fact, terms)
    return _Step(before, after, rows, anomaly)


def _start(before: LoanState, after: LoanState, fact: LoanFact, terms: BookTerms, rows: Rows) -> Contradiction | None:
    if before.status is not Status.EXPECTED:
        return Contradiction.SECOND_START
    after.status = Status.ACTIVE
    after.currency = fact.currency
    after.start_day = after.flows_from = fact.day
    after.month = month_of(fact.day)
    after.principal_minor = fact.amount_minor
    after.schedule = with_arrears(fact.arrears, fact.schedule, fact.amount_minor)
    after.early = ()
    _allocate(after, 0, terms)
    anomaly = None
    for early in sorted(before.early, key=_has_own_split):
        if early.currency == fact.currency:
            _pay(after, early.amount_minor, early.principal_minor, terms)
            after.paid_month = after.month
        else:
            anomaly = Contradiction.OTHER_CURRENCY
    count_instalments(rows, after, 0, fact.day, terms)
    count_months(rows, after)
    return anomaly


def _has_own_split(early: Early) -> bool:
    return early.principal_minor is not None


def _with_early(kept: tuple[Early, ...], new: Early) -> tuple[Early, ...]:
    """Add a repayment to the sum of its kind: the state stays small, however many come before a beginning."""
    same = [one for one in kept if one.currency == new.currency and _has_own_split(one) == _has_own_split(new)]
    amount_minor = new.amount_minor + sum(one.amount_minor for one in same)
    principal_minor = new.principal_minor
    if principal_minor is not None:
        principal_minor += sum(one.principal_minor or 0 for one in same)
    return (*(one for one in kept if one not in same), Early(amount_minor, principal_minor, new.currency))


def _repay(before: LoanState, after: LoanState, fact: LoanFact, terms: BookTerms, rows: Rows) -> Contradiction | None:
    if before.status is Status.EXPECTED:
        after.early = _with_early(before.early, Early(fact.amount_minor, fact.principal_minor, fact.currency))
        return Contradiction.BEFORE_START
    refused = _refused(before, fact)
    if refused is not None:
        return refused
    _pay(after, fact.amount_minor, fact.principal_minor, terms)
    after.paid_month = after.month
    count_paid(rows, before, after, fact.day, terms)
    return None


def _capitalise(
    before: LoanState, after: LoanState, fact: LoanFact, _terms: BookTerms, _rows: Rows
) -> Contradiction | None:
    refused = _refused(before, fact)
    if refused is None:
        after.principal_minor += fact.amount_minor
    return refused


def _restructure(
    before: LoanState, after: LoanState, fact: LoanFact, terms: BookTerms, rows: Rows
) -> Contradiction | None:
    """Replace what is uncovered from this day on; what had been due by then stays due in its month, paid or not."""
    refused = _refused(before, fact)
    if refused is not None:
        return refused
    if fact.schedule is None and not fact.holiday_months:
        return Contradiction.NO_TERMS
    day, schedule = fact.day, before.schedule
    held = before.dpd_floor if before.restructured_until > day else 0
    after.dpd_floor = max(held, terms.days_past_due(before.oldest_due, day))
    after.restructured_until = add_months(day, RESTRUCTURED_MONTHS)
    if falls_due(before, before.month, by=day):
        replaced_before = before.replaced_month == before.month
        after.replaced_covered = before.covered >= schedule.due_through(day)
        if replaced_before:
            after.replaced_covered = after.replaced_covered and before.replaced_covered
        after.replaced_month = before.month
    after.flows_from = day + 1
    if fact.schedule is not None:
        after.schedule = scheduled(fact.schedule, before.principal_minor)
        after.allocated_minor = after.covered = 0
    else:
        after.schedule = schedule.postponed(before.covered, fact.holiday_months)
    _allocate(after, 0, terms)
    _replace_flows(before, after, day + 1, day, terms, rows)
    return None


def _end(before: LoanState, after: LoanState, fact: LoanFact, terms: BookTerms, rows: Rows) -> Contradiction | None:
    if before.status is Status.CHARGED_OFF and fact.kind is LoanKind.CLOSED:
        # Lenders close what they have charged off: it says nothing new.
        return None
    refused = _refused(before, fact)
    if refused is not None:
        return refused
    after.status = _ENDS[fact.kind]
    after.end_day = fact.day
    after.principal_minor = 0
    after.oldest_due = None
    if after.status is Status.CHARGED_OFF:
        _charge_off_rows(before, fact.day, rows)
    _replace_flows(before, after, 0, fact.day, terms, rows)
    return None


def _recover(
    before: LoanState, _after: LoanState, fact: LoanFact, _terms: BookTerms, rows: Rows
) -> Contradiction | None:
    if before.status is Status.EXPECTED:
        return Contradiction.BEFORE_START
    if fact.currency != before.currency:
        return Contradiction.OTHER_CURRENCY
    rows["recovered", fact.day] = fact.amount_minor if fact.kind is LoanKind.RECOVERED else -fact.amount_minor
    return None if before.status is Status.CHARGED_OFF else Contradiction.NOT_CHARGED_OFF


def _charge_off_rows(before: LoanState, day: Day, rows: Rows) -> None:
    if before.standing is Standing.NEW:
        return
    principal, close = before.start_principal_minor, month_end(before.month)
    rows["charged_off", day] = 1
    rows["charged_off_principal", day] = principal
    if before.standing is Standing.PERFORMING:
        for name in ("defaulted", "defaulted_by_charge_off"):
            rows[name, close] = 1
            rows[f"{name}_principal", close] = principal


def _refused(before: LoanState, fact: LoanFact) -> Contradiction | None:
    if before.status is Status.EXPECTED:
        return Contradiction.BEFORE_START
    if before.status is not Status.ACTIVE:
        return Contradiction.AFTER_END
    if fact.currency and fact.currency != before.currency:
        return Contradiction.OTHER_CURRENCY
    return None


def _pay(after: LoanState, amount_minor: int, principal_minor: int | None, terms: BookTerms) -> None:
    paid = after.allocated_minor
    if principal_minor is None:
        within = after.schedule.principal_within
        principal_minor = within(paid + amount_minor) - within(paid)
    after.principal_minor = max(0, after.principal_minor - principal_minor)
    after.paid_minor += amount_minor
    _allocate(after, amount_minor, terms)


def _allocate(after: LoanState, amount_minor: int, terms: BookTerms) -> None:
    after.allocated_minor += amount_minor
    after.covered = after.schedule.covered_by(after.allocated_minor, terms.tolerance_of(after.currency))
    after.oldest_due = after.schedule.due_at(after.covered)


def _replace_flows(before: LoanState, after: LoanState, since: Day, day: Day, terms: BookTerms, rows: Rows) -> None:
    count_instalments(rows, after, since, day, terms)
    count_instalments(rows, before, since, day, terms, -1)
    count_months(rows, after)
    count_months(rows, before, -1)


_ENDS = {
    LoanKind.CHARGED_OFF: Status.CHARGED_OFF,
    LoanKind.CLOSED: Status.CLOSED,
    LoanKind.LEFT_BOOK: Status.LEFT,
}

_Handler = Callable[[LoanState, LoanState, LoanFact, BookTerms, Rows], Contradiction | None]

_HANDLERS: dict[LoanKind, _Handler] = {
    LoanKind.DISBURSED: _start,
    LoanKind.TAKEN_ON: _start,
    LoanKind.CAPITALISED: _capitalise,
    LoanKind.REPAID: _repay,
    LoanKind.RESTRUCTURED: _restructure,
    LoanKind.CHARGED_OFF: _end,
    LoanKind.CLOSED: _end,
    LoanKind.LEFT_BOOK: _end,
    LoanKind.RECOVERED: _recover,
    LoanKind.RECOVERY_REVERSED: _recover,
}
