"""Named places at which a test may end the process at once, as a crash would: between two lines that must not matter.

Armed by the environment, `TOCSIN_CRASH_AT=<name>:<n>` or `<name>@<service>:<n>`: the n-th pass of that name, in that
service where one is named, exits with status 137.
"""

import os
from collections.abc import Callable
from typing import Final

POINTS: Final = frozenset(
    {
        "migrate.after_revision",
        "migrate.after_commit",
        "consume.after_fetch",
        "consume.before_commit",
        "consume.after_commit",
        "consume.before_bury",
        "consume.after_bury",
        "relay.after_send",
        "relay.after_forget",
        "intake.before_commit",
        "intake.after_commit",
        "request.before_commit",
        "request.after_commit",
        "refold.begun",
        "refold.done",
        "evaluate.after_close",
        "evaluate.before_marks",
        "evaluate.after_commit",
        "compose.before_commit",
        "compose.after_commit",
        "notify.before_send",
        "notify.after_send",
        "notify.after_record",
        "invite.before_commit",
        "invite.after_commit",
    }
)

EXIT_STATUS: Final = 137
"""What a shell reports of a process that was ended by SIGKILL."""

_armed, _, _count = os.environ.get("TOCSIN_CRASH_AT", "").partition(":")
_name, _, _service = _armed.partition("@")
_left = int(_count or "1")

if _name and _name not in POINTS:
    raise ValueError(f"TOCSIN_CRASH_AT names no crash point: {_name}; there are {', '.join(sorted(POINTS))}")


watcher: Callable[[str], None] | None = None
"""A test's own way to end what it simulates at a point: it raises."""


def crash_point(name: str, service: str = "") -> None:
    """Do nothing, unless a test armed this very point; `service` says who passes one that several pass."""
    global _left
    if watcher is not None:
        watcher(name)
    if name != _name or (_service and service not in ("", _service)):
        return
    _left -= 1
    if _left <= 0:
        os._exit(EXIT_STATUS)
