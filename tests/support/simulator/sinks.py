"""Receivers of messages: they note what they take, and answer truly, wrongly or not at all."""

import asyncio
from collections import Counter

from services.notify.domain.delivery import Outcome, Outgoing, Report
from tests.support.simulator.process import Fate, Process

_LONG_S = 1_000.0


class Receivers:
    """All receivers of a world, outside every process."""

    def __init__(self, fate: Fate) -> None:
        """Begin with empty letter boxes."""
        self.fate = fate
        self.taken: Counter[str] = Counter()
        self.bodies: dict[str, tuple[str, str, str, str]] = {}
        self.changed: list[str] = []
        """Messages that came again with other bytes."""

    def take(self, message: Outgoing) -> None:
        """Take a message in."""
        self.taken[message.id] += 1
        body = (message.destination, message.subject, message.text, message.html)
        if self.bodies.setdefault(message.id, body) != body:
            self.changed.append(message.id)


class Sink:
    """One channel of one process (`services.notify.senders.port.Sender`)."""

    def __init__(self, channel: str, repeats_dropped: bool, process: Process, receivers: Receivers) -> None:
        """Connect a process to its receivers."""
        self.channel, self.repeats_dropped = channel, repeats_dropped
        self._process, self._receivers = process, receivers

    async def send(self, message: Outgoing) -> Report:
        """Send once; the receiver takes it, refuses it, or takes it and nobody hears of it."""
        await self._process.step(f"send {self.channel}", weight=20)
        fate = self._receivers.fate
        drawn = fate.dice.random() if fate.odds.fail else 1.0
        if drawn < 0.10:
            return Report(Outcome.RETRY, "not now")
        if drawn < 0.12:
            return Report(Outcome.FAILED, "never")
        if drawn < 0.16:
            return Report(Outcome.UNKNOWN, "no answer, and it was not taken")
        if drawn < 0.18:
            await asyncio.sleep(_LONG_S)
        self._receivers.take(message)
        await self._process.step(f"sent {self.channel}", weight=20)
        if drawn < 0.22:
            return Report(Outcome.UNKNOWN, "no answer, and it was taken")
        if drawn < 0.24:
            await asyncio.sleep(_LONG_S)
        return Report(Outcome.SENT, "taken")

    async def close(self) -> None:
        """Nothing is held open."""
