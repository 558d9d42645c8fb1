"""What processes spent of the processor, from /proc (Linux)."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, its own and the system's on its behalf."""
    own, system, *_ = _times(pid)
    return (own + system) / _TICKS_PER_S


def family_cpu_s(pid: int) -> float:
    """Return the same of a process and its children, those that have ended included."""
    return (sum(_times(pid)) + sum(sum(_times(child)[:2]) for child in _children(pid))) / _TICKS_PER_S


def _children(pid: int) -> Iterable[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _times(pid: int) -> tuple[int, int, int, int]:
    """Return ticks: of the process, of the system for it, and both for its children that have ended; 0 once it has."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0, 0, 0, 0
    return int(fields[11]), int(fields[12]), int(fields[13]), int(fields[14])
