"""The clock of a run, by which things are said and broken; it stands still while something starts again.

So faults meet a system at work also on a machine on which a start takes longer than the whole disturbance should.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

_TICK_S = 0.05


class Pace:
    """Seconds of the run."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self._holders = 0
        self._moved = asyncio.Condition()

    async def until(self, at_s: float) -> None:
        """Wait until the run has come so far."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.elapsed_s >= at_s)

    async def rest(self, for_s: float) -> None:
        """Wait for so many seconds of the run."""
        await self.until(self.elapsed_s + for_s)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let it stand still until the block ends."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    @contextlib.asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Let it go until the block ends."""
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(_TICK_S)
            last, passed = loop.time(), loop.time() - last
            if not self._holders:
                self.elapsed_s += passed
                async with self._moved:
                    self._moved.notify_all()
