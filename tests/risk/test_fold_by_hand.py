"""Another hand's account of the same facts: what the peers of the benchmarks compute is what the fold comes to."""

import pytest

from benchmarks.kafka import mix
from benchmarks.kafka.truth import CURRENCY, Stand, Truth, by_segment_and_month, check_cells, truth_of
from benchmarks.peers.task import Change, State, step

FACTS = 3_000


@pytest.fixture(scope="module")
def truth() -> Truth:
    return truth_of(FACTS)


@pytest.fixture(scope="module")
def by_hand() -> Change:
    """Every record digested on its own, and the changes summed, as a framework does it."""
    states: dict[str, State] = {}
    total = Change()
    for record in mix.records(FACTS):
        key, change = record.key.decode(), Change()
        states[key] = step(states.get(key), record.headers, record.value, change)
        total.add(change)
    return total


def test_every_cell_is_that_of_the_fold(truth: Truth, by_hand: Change) -> None:
    by_day, by_month = by_hand.counter_rows()
    cells = {(segment, CURRENCY, measure, day): value for segment, measure, day, value in by_day}
    check_cells(cells, truth.cells, "by hand")
    months = {(segment, measure, month): value for segment, measure, month, value in by_month}
    assert months == by_segment_and_month(truth.cells)


def test_every_loan_stands_where_the_fold_has_it(truth: Truth, by_hand: Change) -> None:
    assert {name: Stand._make(stand) for name, *stand in by_hand.loans.values()} == truth.loans


def test_one_wrong_cell_is_found(truth: Truth) -> None:
    key = next(iter(truth.cells))
    wrong = {**truth.cells, key: truth.cells[key] + 1}
    with pytest.raises(AssertionError, match="1 cells are not the slow truth"):
        check_cells(wrong, truth.cells, "somebody")
