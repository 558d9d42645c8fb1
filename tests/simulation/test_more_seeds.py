"""The second half of the seeds of `test_seeds.py`, for the second worker."""

import pytest

from tests.simulation.seeds import SECOND_HALF, assert_end_well

if SECOND_HALF:

    @pytest.mark.parametrize("seeds", SECOND_HALF, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
    def test_disturbed_worlds_end_well(seeds: range) -> None:
        assert_end_well(seeds)
