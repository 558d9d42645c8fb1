"""The clock: what time it is, asked for in one place, so that tests can hold it still."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return this moment in UTC."""

    def elapsed_s(self) -> float:
        """Return seconds from an unknown start that never run backwards: for durations."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return this moment in UTC."""
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        """Return the monotonic clock."""
        return time.monotonic()


class FrozenClock:
    """A clock that moves only when told to."""

    def __init__(self, moment: datetime) -> None:
        """Stand still at `moment` (with a zone)."""
        self._moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self._moment

    def elapsed_s(self) -> float:
        """Return the same moment as seconds."""
        return self._moment.timestamp()

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._moment += timedelta(seconds=seconds)
