"""An event loop in which time passes only when nothing else can happen: a minute of waiting costs nothing.

Nothing outside the process is waited for, so the same work takes the same course each time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Standstill(Exception):
    """Everybody waits for somebody else, and nobody for the time."""


class _Waiting(selectors.SelectSelector):
    """Waits by moving the loop's own clock on."""

    def __init__(self) -> None:
        super().__init__()
        self.moment_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Standstill
        self.moment_s += timeout
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, which begins at 0."""

    def __init__(self) -> None:
        """Begin."""
        self._waiting = _Waiting()
        super().__init__(self._waiting)

    def time(self) -> float:
        """Return seconds since the loop began."""
        return self._waiting.moment_s

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Do at once, here, what would be done in a thread."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            done.set_exception(error)
        return done


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in a loop of its own to its end."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)
