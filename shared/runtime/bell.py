"""A bell: wakes one waiting loop; rings that come while it is busy are one ring."""

import asyncio


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
