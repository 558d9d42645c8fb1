"""Waiting between tries: doubling, jittered, bounded, and cut short by a stop."""

import asyncio
from contextlib import suppress

from shared.kernel.ids import jitter
from shared.runtime.service import Limits


class Backoff:
    """One loop's delays."""

    def __init__(self, limits: Limits) -> None:
        """Begin with the shortest delay."""
        self._limits = limits
        self._delay_s = limits.retry_delay_s

    def reset(self) -> None:
        """Begin again: something worked."""
        self._delay_s = self._limits.retry_delay_s

    async def pause(self, stop: asyncio.Event) -> None:
        """Wait for a delay drawn between half and all of the current one, or until `stop`."""
        delay_s = self._delay_s * (0.5 + jitter() / 2)
        self._delay_s = min(self._delay_s * 2, self._limits.retry_delay_max_s)
        await rest(stop, delay_s)


async def rest(stop: asyncio.Event, delay_s: float) -> None:
    """Wait so long, or until `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(delay_s):
            await stop.wait()
