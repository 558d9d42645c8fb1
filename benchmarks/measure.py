"""A measured figure, and the reference loop that makes figures of different machines and moments comparable."""

import time
from collections.abc import Callable, Mapping

import msgspec

REFERENCE_S = 0.10
"""What the loop takes on a machine of the class that the bars are for, when nothing else runs."""
_ROUNDS = 1_500_000


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: a figure, and whether it keeps its bar.

    A ratio of two figures of one run is as it is; an absolute figure is scaled to the reference machine, and `raw` is
    what was timed.
    """

    id: str
    what: str
    figure: float
    unit: str = "ratio"
    must: float
    aim: float
    more_is_better: bool = True
    raw: float | None = None
    beside: Mapping[str, float] = {}
    """What stands beside it in the same run: the limit, peers, what each process spent; the names carry the units."""

    @property
    def holds(self) -> bool:
        """Tell whether the figure keeps what it must."""
        return self.figure >= self.must if self.more_is_better else self.figure <= self.must

    def as_result(self) -> dict[str, object]:
        """Return the figure as results.json has it."""
        return {**msgspec.structs.asdict(self), "holds": self.holds}


def reference_loop_s(clock: Callable[[], float] = time.perf_counter) -> float:
    """Time a fixed amount of plain Python work: the best of three."""
    best = float("inf")
    for _ in range(3):
        began, cells = clock(), dict.fromkeys(range(64), 0)
        for number in range(_ROUNDS):
            cells[number & 63] += number
        best = min(best, clock() - began)
    return best


def slowness(clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how much slower this machine is now than the reference: 2.0 means half its speed.

    `time.thread_time` is the clock beside processor times: it does not count what others take of the machine.
    """
    return reference_loop_s(clock) / REFERENCE_S
