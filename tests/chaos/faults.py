"""What is done to a running system: drawn before the run, so that the same seed does the same things at the same times.

Every fault ends by itself: whoever breaks something mends it after a while.
"""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from tests.chaos.files import PROCESS, FileWorld
from tests.chaos.pace import Pace
from tests.chaos.proxy import Weather
from tests.chaos.servers import REPLICAS, ServerWorld
from tests.chaos.world import SERVICES, SINKS, World

_FIRST, _LAST = 0.06, 0.92
"""Between these shares of the run faults begin."""
_EVERY_S = 2.0
_ZOMBIE_S = 12.0
"""Longer than a member of a group may be silent: somebody else owns its partitions when it comes back."""
_CLOCK_BACK_S, _CLOCK_AHEAD_S = 3600, 20
_ROOM = 200_000
_HASTY = 0.2
_SINK_S, _OTHER_S = 8.0, 3.0
"""How long a fault lasts at most; messages are seldom, so those on their way last longer."""


class Fault(NamedTuple):
    """One fault: when (seconds of the run), what, to whom, for how long, and how much, as its kind understands it."""

    at_s: float
    kind: str
    on: str
    for_s: float
    amount: float


def draw_for_files(dice: random.Random, seconds: float, *, clocks: bool) -> list[Fault]:
    """Draw what is done to the embedded system."""
    ways = [f"client>{PROCESS}", *SINKS]
    places = {
        "kill": [PROCESS],
        "freeze": [PROCESS],
        "terminate": [PROCESS],
        "full disk": [PROCESS],
        **dict.fromkeys(("slow", "cut", "deaf"), ways),
        **({"clock": [PROCESS]} if clocks else {}),
    }
    return _deal(dice, seconds, places)


def draw_for_servers(dice: random.Random, seconds: float, *, clocks: bool) -> list[Fault]:
    """Draw what is done to services and servers; risk grows to three replicas and shrinks to one in every run."""
    processes = list(SERVICES)
    ways = [
        *(f"{name}>{server}" for name in (*SERVICES, "risk") for server in ("postgres", "kafka")),
        *(f"client>{name}" for name in SERVICES),
        "foreign>kafka",
        *SINKS,
    ]
    places = {
        "kill": processes,
        "freeze": processes,
        "terminate": processes,
        "broker": ["kafka"],
        "database": ["postgres"],
        "sessions": processes,
        **dict.fromkeys(("slow", "cut", "deaf"), ways),
        **({"clock": processes} if clocks else {}),
    }
    faults = _deal(dice, seconds, places)
    for name in REPLICAS:
        begins, ends = dice.uniform(0.1, 0.3), dice.uniform(0.6, 0.9)
        faults.append(Fault(begins * seconds, "replica", name, (ends - begins) * seconds, dice.random()))
    return sorted(faults)


def _deal(dice: random.Random, seconds: float, places: dict[str, list[str]]) -> list[Fault]:
    """Deal kinds like cards, so that each comes before any comes twice, at times evenly spread with jitter."""
    count = max(len(places), int(seconds / _EVERY_S))
    cards: list[str] = []
    while len(cards) < count:
        cards += dice.sample(list(places), len(places))
    faults = []
    for number, kind in enumerate(cards[:count]):
        share = _FIRST + (_LAST - _FIRST) * (number + dice.random()) / count
        place = dice.choice(places[kind])
        longest = _SINK_S if place in SINKS else _OTHER_S
        faults.append(Fault(share * seconds, kind, place, dice.uniform(0.2, longest), dice.random()))
    return sorted(faults)


class Nemesis:
    """Does what was drawn."""

    def __init__(self, world: World, pace: Pace) -> None:
        self._world, self._pace = world, pace
        self._held: dict[str, asyncio.Lock] = {}
        self._kinds: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._kill,
            "terminate": self._terminate,
            "freeze": self._freeze,
            "slow": lambda fault: self._weather(fault, Weather.SLOW),
            "cut": lambda fault: self._weather(fault, Weather.CUT),
            "deaf": lambda fault: self._weather(fault, Weather.DEAF),
            "clock": self._clock,
            "full disk": self._full_disk,
            "broker": self._broker,
            "database": self._database,
            "sessions": self._sessions,
            "replica": self._replica,
        }

    async def disturb(self, faults: list[Fault]) -> None:
        """Do all of it, each at its time; returns when everything is mended."""
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                tasks.create_task(self._do(fault))

    async def _do(self, fault: Fault) -> None:
        await self._pace.until(fault.at_s)
        lock = self._world.hand(fault.on) if fault.on in self._world.processes else self._lock(fault.on)
        # Two faults of one place follow each other.
        async with lock:
            details = {"for_s": round(fault.for_s, 2), "amount": round(fault.amount, 3)}
            self._world.history.fault(fault.kind, fault.on, "begins", **details)
            await self._kinds[fault.kind](fault)
            self._world.history.fault(fault.kind, fault.on, "ends")

    def _lock(self, place: str) -> asyncio.Lock:
        return self._held.setdefault(place, asyncio.Lock())

    async def _kill(self, fault: Fault) -> None:
        await self._restart(fault, signal.SIGKILL)

    async def _terminate(self, fault: Fault) -> None:
        await self._restart(fault, signal.SIGTERM)

    async def _restart(self, fault: Fault, how: signal.Signals) -> None:
        await self._world.end(fault.on, how)
        await asyncio.sleep(fault.for_s)
        await self._world.run(fault.on)
        # Mostly it may begin to work again before the next fault; sometimes that one meets it while it starts.
        if fault.amount > _HASTY:
            with self._pace.held():
                await self._world.wait_answers(fault.on)

    async def _freeze(self, fault: Fault) -> None:
        process = self._world.processes[fault.on]
        if not process.running:
            return
        process.send_signal(signal.SIGSTOP)
        zombie = fault.on == "risk" and fault.amount < 0.5
        await asyncio.sleep(_ZOMBIE_S if zombie else fault.for_s)
        process.send_signal(signal.SIGCONT)

    async def _weather(self, fault: Fault, weather: Weather) -> None:
        proxy = self._world.proxies[fault.on]
        proxy.change(weather, 0.02 + fault.amount * 0.6)
        await asyncio.sleep(fault.for_s)
        proxy.change(Weather.CLEAR)

    async def _clock(self, fault: Fault) -> None:
        back = fault.amount < 0.5
        self._world.set_clock(fault.on, -int(_CLOCK_BACK_S * fault.amount * 2) if back else _CLOCK_AHEAD_S)
        await asyncio.sleep(fault.for_s + 2.0)
        self._world.set_clock(fault.on, 0)

    async def _full_disk(self, fault: Fault) -> None:
        assert isinstance(self._world, FileWorld)
        disk, process = self._world.disk, self._world.processes[fault.on]
        if process.running:
            await asyncio.to_thread(disk.fill, process.pid, int(fault.amount * _ROOM))
            await asyncio.sleep(fault.for_s)
            disk.empty(process.pid)

    async def _broker(self, fault: Fault) -> None:
        assert isinstance(self._world, ServerWorld)
        kafka = self._world.kafka
        await asyncio.to_thread(kafka.stop, kill=fault.amount < 0.5)
        await asyncio.sleep(fault.for_s)
        await asyncio.to_thread(kafka.start)

    async def _database(self, fault: Fault) -> None:
        assert isinstance(self._world, ServerWorld)
        postgres = self._world.postgres
        await asyncio.to_thread(postgres.stop, kill=fault.amount < 0.5)
        await asyncio.sleep(fault.for_s)
        await asyncio.to_thread(postgres.start)

    async def _sessions(self, fault: Fault) -> None:
        assert isinstance(self._world, ServerWorld)
        # While the whole server is away there are none.
        with contextlib.suppress(OSError):
            await self._world.drop_connections(fault.on)

    async def _replica(self, fault: Fault) -> None:
        await self._world.run(fault.on)
        await asyncio.sleep(fault.for_s)
        await self._world.end(fault.on, signal.SIGKILL if fault.amount < 0.5 else signal.SIGTERM)


@contextlib.asynccontextmanager
async def supervised(world: World) -> AsyncIterator[None]:
    """Start what ends by itself again while the body runs."""
    watch = asyncio.create_task(world.supervise())
    try:
        yield
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
