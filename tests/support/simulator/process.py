"""One simulated process as its ports see it: it runs, stands still for a while, or is dead.

Every awaited call of a port passes `step`, before and after its effect: there the dice crash the process, stop it as
SIGSTOP would, let the port fail, or let others go first.
"""

import asyncio
import random
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple


class Crash(BaseException):
    """The simulated end of a process."""


class Odds(NamedTuple):
    """How often what happens at one step of a process."""

    crash: float = 0.0
    stop: float = 0.0
    fail: float = 0.0
    wait: float = 0.0


CALM = Odds()
_WAIT_MAX_S = 0.05
_STOP_MAX_S = 10.0


class Fate:
    """The dice, how they fall at each step, and a trace of all steps: the same seed gives the same trace."""

    def __init__(self, seed: int) -> None:
        """Begin calm."""
        self.dice = random.Random(seed)
        self.odds = CALM
        self.counts: dict[str, int] = {}
        self._trace = blake2b(digest_size=16)
        self.told: list[str] | None = None
        """Every step as text, if somebody wants to read it."""

    def note(self, line: str) -> None:
        """Add to the trace."""
        self._trace.update(line.encode())
        if self.told is not None:
            self.told.append(line)

    def count(self, what: str) -> None:
        """Count something that happened to a process."""
        self.counts[what] = self.counts.get(what, 0) + 1

    @property
    def trace(self) -> str:
        """Return a digest of everything that happened so far."""
        return self._trace.hexdigest()


class Process:
    """What lives and dies together."""

    def __init__(self, name: str, fate: Fate, cut: Callable[["Process"], None]) -> None:
        """`cut` is called when servers lose their connections to this process: it stands still, or died."""
        self.name, self._fate, self._cut = name, fate, cut
        self.dead = False
        self._going = asyncio.Event()
        self._going.set()
        self._waking: asyncio.TimerHandle | None = None
        self._killed: list[Callable[[], object]] = []

    def when_killed(self, call: Callable[[], object]) -> None:
        """Have something done when the process dies."""
        self._killed.append(call)

    @property
    def stopped(self) -> bool:
        """Tell whether it stands still."""
        return not self._going.is_set()

    def kill(self) -> None:
        """End the process where it is: nothing of it has an effect any more."""
        if self.dead:
            return
        self.dead = True
        self._fate.note(f"{self.name} dies")
        self._cut(self)
        for call in self._killed:
            call()

    def stop(self, seconds: float) -> None:
        """Let the process stand still: others take over, and it goes on later as if nothing had happened."""
        self.go_on()
        self._going.clear()
        self._waking = asyncio.get_running_loop().call_later(seconds, self._going.set)
        self._fate.note(f"{self.name} stands still")
        self._fate.count("stop")
        self._cut(self)

    def go_on(self) -> None:
        """End a standstill."""
        if self._waking is not None:
            self._waking.cancel()
        self._going.set()

    async def step(self, place: str, fault: type[Exception] | None = None, weight: float = 1.0) -> None:
        """Pass a place before or after an effect; Crash when the process is dead, `fault` when the dice say so.

        `weight`: places that are passed seldom and matter much are disturbed so much more often.
        """
        fate = self._fate
        fate.note(f"{asyncio.get_running_loop().time():.4f} {self.name} {place}\n")
        odds, drawn = fate.odds, fate.dice.random()
        if self.dead:
            raise Crash(place)
        drawn /= weight
        if drawn < odds.crash:
            fate.count(f"crash {place}")
            self.kill()
            raise Crash(place)
        drawn -= odds.crash
        if drawn < odds.stop:
            self.stop(fate.dice.uniform(0.5, _STOP_MAX_S))
        elif drawn - odds.stop < odds.wait:
            await asyncio.sleep(fate.dice.random() * _WAIT_MAX_S)
        await self._going.wait()
        if self.dead:
            raise Crash(place)
        if fault is not None and odds.fail and fate.dice.random() < odds.fail * weight:
            fate.count(f"fail {place}")
            raise fault(f"{place}: the connection broke")
