"""A measured figure, and the reference loop that makes figures of different machines and moments comparable."""

import time

import msgspec

REFERENCE_S = 0.10
"""What the loop takes on a machine of the class that the bars are for, when nothing else runs."""
_ROUNDS = 1_500_000


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: a figure, scaled to the reference machine, and whether it keeps its bar."""

    id: str
    figure: float
    unit: str
    must: float
    aim: float
    more_is_better: bool
    raw: float
    """As timed, before scaling."""
    beside: str = ""
    """What stands beside it in the same run: the limit, the ratio to it, what the process spent."""

    @property
    def holds(self) -> bool:
        """Tell whether the figure keeps what it must."""
        return self.figure >= self.must if self.more_is_better else self.figure <= self.must


def reference_loop_s() -> float:
    """Time a fixed amount of plain Python work: the best of three."""
    best = float("inf")
    for _ in range(3):
        began, cells = time.perf_counter(), dict.fromkeys(range(64), 0)
        for number in range(_ROUNDS):
            cells[number & 63] += number
        best = min(best, time.perf_counter() - began)
    return best


def slowness() -> float:
    """Return how much slower this machine is now than the reference: 2.0 means half its speed."""
    return reference_loop_s() / REFERENCE_S
