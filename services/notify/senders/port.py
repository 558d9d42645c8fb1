"""What every channel offers to the sender loop."""

from typing import Protocol

from services.notify.domain.delivery import Outgoing, Report


class Sender(Protocol):
    """Sends messages over one channel; outside any transaction, several at the same time."""

    channel: str
    repeats_dropped: bool
    """The receiver drops a message that it had already: what became `unknown` may be sent again."""

    async def send(self, message: Outgoing) -> Report:
        """Try once, for a bounded time, and say what became of it; raises nothing but CancelledError."""
        ...

    async def close(self) -> None:
        """Let go of what is held open."""
        ...
