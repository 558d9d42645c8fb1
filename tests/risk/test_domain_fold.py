"""The fold against the slow truth of the page, and the live path against the fold (D4), on lives that contradict."""

import msgspec
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, add
from services.risk.domain.loan import LoanState, SegmentMove, advance, continues, fold, fold_both, view
from services.risk.domain.loan_facts import LoanFact, LoanKind
from tests.risk import oracle
from tests.risk.loans import FIRST, MOVES, book, books, day, fact, late_lives, lives, monthly

UNTIL = FIRST + 700
JUDGED_WITHIN = 45
"""Days within which an instalment is judged: at the close of its month, or of its moved date if that is later."""
LIVES = st.one_of(lives(), lives(), late_lives())


@settings(max_examples=250, deadline=None)
@given(facts=LIVES, moves=MOVES, terms=books(), seed=st.randoms(use_true_random=False))
def test_fold_equals_the_definitions_whatever_the_order(facts, moves, terms, seed):  # type: ignore[no-untyped-def]
    shuffled = list(facts)
    seed.shuffle(shuffled)
    note(oracle.describe(facts))
    folded = fold(shuffled, moves, terms)
    assert _until(folded.cells) == _until(oracle.cells(facts, moves, terms, UNTIL + JUDGED_WITHIN))


@settings(max_examples=250, deadline=None)
@given(facts=LIVES, moves=MOVES, terms=books(), seed=st.randoms(use_true_random=False))
def test_live_path_equals_the_fold_in_any_order_of_arrival(facts, moves, terms, seed):  # type: ignore[no-untyped-def]
    arrivals = list(facts)
    if seed.random() < 0.7:
        seed.shuffle(arrivals)
    note("\n".join(f"{each.day} {each.kind} {each.id}" for each in arrivals))
    folded = fold(facts, moves, terms)
    state, cells = _live(arrivals, moves, terms)
    assert cells == folded.cells
    assert state == folded.state


@settings(max_examples=100, deadline=None)
@given(facts=lives(), moves=MOVES, terms=books(), move=st.builds(SegmentMove, day=st.integers(FIRST, UNTIL),
       attributes=st.just({"region": "WA"})))  # fmt: skip
def test_state_goes_on_after_a_move(facts, moves, terms, move):  # type: ignore[no-untyped-def]
    ordered = sorted(facts, key=lambda each: each.day)
    half = ordered[: len(ordered) // 2]
    moved = [each for each in moves if each.day != move.day] + [move]
    _, cells = _live(half, moves, terms)
    add(cells, fold(half, moves, terms).cells, -1)
    refolded = fold(half, moved, terms)
    add(cells, refolded.cells)
    assert cells == refolded.cells
    _, cells = _live(ordered[len(half) :], moved, terms, half, refolded.state, refolded.cells)
    assert cells == fold(facts, moved, terms).cells


def _until(cells: Cells) -> Cells:
    return {cell: value for cell, value in cells.items() if cell[3] <= UNTIL}


def _live(
    arrivals: list[LoanFact],
    moves: list[SegmentMove],
    terms: BookTerms,
    before: list[LoanFact] | None = None,
    state: LoanState | None = None,
    cells: Cells | None = None,
) -> tuple[LoanState | None, Cells]:
    """What risk does with each arrival: continue the saved state, or fold with and without the fact."""
    ledger, total = list(before or ()), dict(cells or {})
    for each in arrivals:
        if continues(state, each):
            assert state is not None
            saved = msgspec.msgpack.encode(state)
            advanced = advance(state, each, terms)
            assert msgspec.msgpack.encode(state) == saved, "advance must leave the state that it was given alone"
            add(total, advanced.cells)
            state = advanced.state
        else:
            was, after = fold_both(ledger, [*ledger, each], moves, terms)
            add(total, was.cells, -1)
            add(total, after.cells)
            alone = fold([*ledger, each], moves, terms)
            assert (after.state, after.anomalies, after.cures) == (alone.state, alone.anomalies, alone.cures)
            state = after.state
        ledger.append(each)
        if state is not None:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=LoanState)
    return state, total


@pytest.mark.parametrize(
    "late",
    [
        fact(
            "corrected",
            "2020-03-03",
            target="repaid-2020-02-01",
            replacement=fact("repaid", "2020-02-01", amount_minor=5_000),
        ),
        fact("reversed", "2020-03-03", target="repaid-2020-02-01", amount_minor=4_000),
        fact("repaid", "2020-01-20", amount_minor=10_000),
    ],
    ids=lambda late: str(late.kind),
)
def test_what_both_folds_share_ends_where_a_fact_reads_differently(late: LoanFact) -> None:
    start = fact("disbursed", "2020-01-01", amount_minor=120_000, schedule=monthly("2020-02-01", 12, 10_000))
    paid = [fact("repaid", on, amount_minor=10_000) for on in ("2020-02-01", "2020-03-01")]
    ledger = [start, *paid]
    was, after = fold_both(ledger, [*ledger, late], [], book())
    difference, expected = dict(after.cells), dict(fold([*ledger, late], [], book()).cells)
    add(difference, was.cells, -1)
    add(expected, fold(ledger, [], book()).cells, -1)
    assert difference == expected != {}


@settings(max_examples=60, deadline=None)
@given(facts=lives(), terms=books(), as_of=st.integers(FIRST, UNTIL))
def test_view_agrees_with_the_counters(facts, terms, as_of):  # type: ignore[no-untyped-def]
    known = [each for each in facts if each.kind not in (LoanKind.CORRECTED, LoanKind.REVERSED)]
    shown = view(known, [], terms, as_of)
    cells = fold(known, [], terms).cells
    today = {
        name: sum(v for (segment, _, measure, on), v in cells.items()
                  if segment == "portfolio" and measure == name and on <= as_of)
        for name in ("loans", "exposure", "par30_loans", "par90_restructured")
    }  # fmt: skip
    if shown is None:
        assert not any(today.values())
        return
    assert today["loans"] == (shown.status == "active")
    assert today["exposure"] == (shown.principal_minor if shown.status == "active" else 0)
    assert today["par30_loans"] == (shown.status == "active" and shown.par_dpd > 30)
    msgspec.json.encode(shown)


def test_continuing_needs_the_last_fact_and_no_rewriting() -> None:
    terms = BookTerms(book="b", base_currency="USD", calendar="EVERY_DAY", first_day=FIRST)
    start = fact("disbursed", "2020-01-01", amount_minor=1000, schedule=monthly("2020-02-01", 3, 400))
    state = fold([start], [], terms).state
    assert not continues(None, start)
    assert continues(state, fact("repaid", "2020-01-01", amount_minor=1))
    assert not continues(state, fact("repaid", "2019-12-31", amount_minor=1))
    assert not continues(state, fact("reversed", "2020-03-01", target="x"))
    assert not continues(state, fact("corrected", "2020-03-01", target="x"))
    assert day("2020-01-01") == state.last_order[0] if state else False
    waiting = fold([start, fact("reversed", "2020-03-01", target="x")], [], terms).state
    assert not continues(waiting, fact("repaid", "2020-04-01", id="x", amount_minor=1))
