"""Named places at which a test may end the process at once, as a crash would: between two lines that must not matter.

Armed by the environment, `TOCSIN_CRASH_AT=<name>:<n>`: the n-th pass of that name exits with status 137.
"""

import os
from collections.abc import Callable
from typing import Final

POINTS: Final = frozenset(
    {
        "consume.after_fetch",
        "consume.before_commit",
        "consume.after_commit",
        "relay.after_send",
        "relay.after_forget",
        "intake.before_commit",
        "intake.after_commit",
        "evaluate.before_marks",
        "evaluate.after_commit",
        "refold",
        "notify.before_send",
        "notify.after_send",
    }
)

_armed, _, _count = os.environ.get("TOCSIN_CRASH_AT", "").partition(":")
_left = int(_count or "1")

if _armed and _armed not in POINTS:
    raise ValueError(f"TOCSIN_CRASH_AT names no crash point: {_armed}; there are {', '.join(sorted(POINTS))}")


watcher: Callable[[str], None] | None = None
"""The simulator's own way to end a simulated process at a point: it raises."""


def crash_point(name: str) -> None:
    """Do nothing, unless a test armed this very point."""
    global _left
    if watcher is not None:
        watcher(name)
    if name != _armed:
        return
    _left -= 1
    if _left <= 0:
        os._exit(137)
