"""Whatever the order, the repeats, the crashes, the zombies and the lost answers: the end is as if nothing had been."""

import pytest

from tests.simulation.seeds import FIRST_HALF, REMEMBERED, assert_end_well, wrong_with


@pytest.mark.parametrize("seeds", FIRST_HALF, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_disturbed_worlds_end_well(seeds: range) -> None:
    assert_end_well(seeds)


def test_worlds_in_which_a_fault_was_found_once_end_well() -> None:
    wrong = [told for seed in REMEMBERED if (told := wrong_with(seed))]
    assert not wrong, "\n\n".join(wrong)
