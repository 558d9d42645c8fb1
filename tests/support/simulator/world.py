"""A world: all four services, their servers, the people around them, and the dice that disturb them.

The seed decides the shape of the book, the number of partitions and processes, the order in which facts come and what
comes twice, who runs next, which step fails or crashes, who stands still and comes back from the dead, which partitions
move, and how the clock jumps. After that everything runs undisturbed to its end.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Container, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from shared.db.port import DatabaseUnavailable
from shared.events.base import COMPACTED
from shared.kernel import ids
from shared.runtime.platform import all_topics
from shared.runtime.service import Limits
from tests.support.simulator.book import SHAPES, book_of
from tests.support.simulator.database import DatabaseServer
from tests.support.simulator.life import APPS, Life
from tests.support.simulator.log import LogServer
from tests.support.simulator.people import People, Request
from tests.support.simulator.process import CALM, Crash, Fate, Process
from tests.support.simulator.sinks import Receivers

SERVICES = tuple(APPS)
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_PATIENCE_S = 5.0
LIVES_MAX = 4
"""Processes of one service at the same time, those that stand still included."""


class SimulatedClock:
    """The loop's own time, and how far the dice have made it jump."""

    def __init__(self) -> None:
        """Begin in 2024."""
        self.ahead_s = 0.0

    def now(self) -> datetime:
        """Return this moment."""
        return _BEGAN + timedelta(seconds=self.elapsed_s())

    def elapsed_s(self) -> float:
        """Return seconds since the world began."""
        return asyncio.get_running_loop().time() + self.ahead_s


def shape_of(seed: int) -> int:
    """Return the shape of the book in the world of a seed."""
    return Fate(seed).dice.randrange(SHAPES)


class World:
    """Everything that there is. The same seed is the same world. One at a time: all have the same databases."""

    def __init__(self, seed: int, shape: int | None = None) -> None:
        """Draw a world; nothing runs before `running`."""
        self.seed, self.fate = seed, Fate(seed)
        dice = self.fate.dice
        drawn = dice.randrange(SHAPES)  # as in `shape_of`
        self.shape = drawn if shape is None else shape
        self.book = book_of(self.shape)
        self.partitions = dice.choice((1, 2, 3))
        self.replicas = {"intake": 1, "risk": dice.choice((1, 2)), "notify": dice.choice((1, 2)), "feedback": 1}
        limits = Limits(relay_rows=40, retry_delay_s=0.05, retry_delay_max_s=1.0)
        self.limits = replace(limits, batch_records=dice.choice((5, 40)))
        self.clock = SimulatedClock()
        self.log = LogServer(self.clock, dice, self.partitions)
        self.log.create(all_topics(self.partitions), COMPACTED)
        self.databases = {name: DatabaseServer(name, APPS[name].METADATA, self.clock) for name in SERVICES}
        self.receivers = Receivers(self.fate)
        self.people = People(self)
        self.falls: list[str] = []
        """Why processes ended that nobody had ended."""
        self.topics: dict[str, list[str]] = {}
        """What each service reads."""
        self._lives: list[Life] = []
        self._begun = 0

    # Processes.

    def cut(self, process: Process) -> None:
        """Have all servers lose a process."""
        for database in self.databases.values():
            database.cut(process)
        self.log.cut(process)

    def fell(self, life: Life, error: BaseException) -> None:
        """Note that a process ended by itself."""
        self.falls.append(f"{life.name}: {error!r}")

    def begin_life(self, service: str) -> Life:
        """Start a process."""
        self._begun += 1
        life = Life(self, service, self._begun)
        self.topics[service] = [one.topic for one in life.service.subscriptions]
        self._lives.append(life)
        life.start()
        return life

    def living(self, service: str | None = None) -> list[Life]:
        """Return the processes that are not dead, of one service or of all."""
        self._lives = [life for life in self._lives if not life.dead]
        return [life for life in self._lives if service in (None, life.of)]

    async def _supervise(self) -> None:
        """Start again what ended, and another one beside what stands still, some time later."""
        while True:
            for service in SERVICES:
                lives = self.living(service)
                missing = self.replicas[service] - sum(not life.stopped for life in lives)
                for _ in range(min(missing, LIVES_MAX - len(lives))):
                    self.begin_life(service)
            await asyncio.sleep(self.fate.dice.uniform(0.1, 1.0))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have processes run, and end all that runs."""
        asyncio.get_running_loop().set_exception_handler(_not_told)
        with _of_its_own(self):
            supervisor = asyncio.create_task(self._supervise())
            try:
                yield
            finally:
                self.fate.odds = CALM
                supervisor.cancel()
                for life in self.living():
                    life.kill()
                ending = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                await asyncio.gather(*ending, return_exceptions=True)

    # Requests.

    async def insist(self, service: str, request: Request, until: Container[object] | None = None) -> object:
        """Ask until somebody answers, with one of `until` if given; who does not answer in time may still do it."""
        while True:
            await asyncio.sleep(self.fate.dice.uniform(0.0, 0.2))
            if not (lives := self.living(service)):
                continue
            life = self.fate.dice.choice(lives)
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    answer = await life.ask(request(life))
                if until is None or answer in until:
                    return answer
            except (Crash, DatabaseUnavailable, TimeoutError):
                continue
            except asyncio.CancelledError:
                if not life.dead:
                    raise


def _not_told(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Say nothing of what nobody waits for any more: requests and loops of processes that died."""


@contextmanager
def _of_its_own(world: World) -> Iterator[None]:
    """Draw ids, delays and traces from the dice, so that a world is the same again; and log nothing: it fails a lot."""
    dice, before, logs = world.fate.dice, random.getstate(), structlog.get_config()
    random.seed(world.seed)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "os", SimpleNamespace(urandom=dice.randbytes))
        patch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: int(world.clock.now().timestamp() * 1e9)))
        try:
            yield
        finally:
            random.setstate(before)
            structlog.configure(**logs)
