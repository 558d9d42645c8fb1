"""Wake-up calls inside one process: who listens to a channel gets each payload once, however often it was sent."""

import asyncio
from collections.abc import AsyncIterator, Iterable

_MAX_PENDING = 1_024
"""A listener that sleeps longer forgets further payloads: a wake-up is a hint, its poll is the net."""


class Listener(AsyncIterator[str]):
    """Yields payloads of one channel, coalesced; listens from its creation and ends with the switchboard."""

    def __init__(self, board: "Switchboard", channel: str) -> None:
        """Listen to `channel`."""
        self._board = board
        self.channel = channel
        self._pending: dict[str, None] = {}
        self._ring = asyncio.Event()
        self._ended = False

    def deliver(self, payload: str) -> None:
        """Note a payload, unless it waits already."""
        if len(self._pending) < _MAX_PENDING:
            self._pending[payload] = None
        self._ring.set()

    def end(self) -> None:
        """Let the iteration end after what is pending."""
        self._ended = True
        self._ring.set()

    async def __anext__(self) -> str:
        """Return the next payload."""
        while not self._pending:
            if self._ended:
                raise StopAsyncIteration
            self._ring.clear()
            await self._ring.wait()
        payload = next(iter(self._pending))
        del self._pending[payload]
        return payload

    async def aclose(self) -> None:
        """Stop listening."""
        self._board.remove(self)
        self.end()


class Switchboard:
    """All listeners of one database in this process."""

    def __init__(self) -> None:
        """Start without listeners."""
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._closed = False

    @property
    def channels(self) -> set[str]:
        """Return the channels that somebody listens to."""
        return set(self._listeners)

    def listen(self, channel: str) -> Listener:
        """Return a new listener of a channel."""
        listener = Listener(self, channel)
        if self._closed:
            listener.end()
        else:
            self._listeners.setdefault(channel, {})[listener] = None
        return listener

    def remove(self, listener: Listener) -> None:
        """Forget a listener."""
        listeners = self._listeners.get(listener.channel, {})
        listeners.pop(listener, None)
        if not listeners:
            self._listeners.pop(listener.channel, None)

    def deliver(self, calls: Iterable[tuple[str, str]]) -> None:
        """Deliver (channel, payload) pairs, to listeners in the order in which they came."""
        for channel, payload in calls:
            for listener in self._listeners.get(channel, ()):
                listener.deliver(payload)

    def close(self) -> None:
        """End all listeners."""
        self._closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end()
        self._listeners.clear()
