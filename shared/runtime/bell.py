"""A bell: wakes one waiting loop; rings that come while it is busy are one ring."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Bell:
    """An event that clears itself when heard."""

    def __init__(self) -> None:
        """Start silent."""
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a ring, at most so long; tell whether it rang."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


@asynccontextmanager
async def rung_at_stop(bell: Bell, stop: asyncio.Event) -> AsyncIterator[None]:
    """Ring a bell when `stop` is set, so that a loop that waits for the bell need not wait for the stop, too."""

    async def ring_then() -> None:
        await stop.wait()
        bell.ring()

    ringing = asyncio.create_task(ring_then(), name="ring at stop")
    try:
        yield
    finally:
        ringing.cancel()
        with suppress(asyncio.CancelledError):
            await ringing
