"""Which worlds are disturbed: so many as asked for, and for ever those in which a fault was found once."""

import os

from tests.support.invariants import shown
from tests.support.simulator.ending import run

FIRST, SEEDS = int(os.environ.get("FROM", "1")), int(os.environ.get("SEEDS", "1000"))
REMEMBERED: tuple[int, ...] = ()
"""Seeds that ended wrongly once, with what was wrong in the product; they run always."""
_BATCH = 20


def batches(first: int, end: int) -> list[range]:
    """Return seeds in batches, one test each."""
    return [range(begin, min(begin + _BATCH, end)) for begin in range(first, end, _BATCH)]


MIDDLE = FIRST + (SEEDS + 1) // 2
FIRST_HALF, SECOND_HALF = batches(FIRST, MIDDLE), batches(MIDDLE, FIRST + SEEDS)
"""Two files share the seeds: `make test` gives each file to one of its two workers."""


def wrong_with(seed: int) -> str:
    """Return what is wrong in the end with the world of a seed, and how to see it again; empty: nothing."""
    end = run(seed)
    if not end.violations:
        return ""
    return f"seed {seed} (again: make simulate FROM={seed} SEEDS=1) after {end.counts}\n{shown(end.violations)}"


def assert_end_well(seeds: range) -> None:
    """Disturb the worlds of some seeds."""
    wrong = [told for seed in seeds if (told := wrong_with(seed))]
    assert not wrong, "\n\n".join(wrong)
