"""One simulated process of one service: its real loops, on simulated ports."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from fastapi import APIRouter

import services.feedback.app
import services.intake.app
import services.notify.app
import services.risk.app
from services.feedback.settings import FeedbackSettings
from services.intake.settings import IntakeSettings
from services.notify.senders import Sender
from services.notify.settings import NotifySettings
from services.notify.wording import Wordings
from services.risk.settings import RiskSettings
from shared.runtime.consume import Consumer
from shared.runtime.health import Health
from shared.runtime.relay import Relay
from shared.runtime.service import Platform, Service
from shared.telemetry import within
from tests.support.simulator.database import SimulatedDatabase
from tests.support.simulator.log import SimulatedLog
from tests.support.simulator.process import Process
from tests.support.simulator.sinks import Sink

if TYPE_CHECKING:
    from tests.support.simulator.world import World

T = TypeVar("T")
APPS: Mapping[str, Any] = {
    "intake": services.intake.app,
    "risk": services.risk.app,
    "notify": services.notify.app,
    "feedback": services.feedback.app,
}
_SETTINGS: Mapping[str, Callable[[], Any]] = {
    "intake": IntakeSettings,
    "risk": RiskSettings,
    "notify": lambda: NotifySettings(link_secrets="s" * 40, notify_poll_s=2.0, group_window_s=1.0),
    "feedback": lambda: FeedbackSettings(
        link_secrets="s" * 40, survey_history=True, survey_spacing_days=30, survey_occasion_age_days=60
    ),
}
_LEFT_OUT = frozenset({"gauges", "measuring", "housekeeping", "feedback housekeeping"})
"""Workers that show or prune: what they do is the same however often it is done."""


@cache
def settings_of(name: str) -> Any:
    """Return the settings of a service, the same in all worlds."""
    return _SETTINGS[name]()


@cache
def _wordings() -> Wordings:
    return Wordings()


class Life(Process):
    """A process: a crash leaves it behind, and another one begins."""

    def __init__(self, world: "World", service: str, number: int) -> None:
        """Compose the service; nothing runs before `start`."""
        super().__init__(f"{service}-{number}", world.fate, world.cut)
        self.of, self._world = service, world
        self.log = SimulatedLog(world.log, self)
        self.database = SimulatedDatabase(world.databases[service], self)
        platform = Platform(self.log, world.clock, world.partitions, self.name, world.limits)
        self.platform = platform
        self.service = self._composed(platform)
        self._stop = asyncio.Event()
        self._requests: dict[asyncio.Task[Any], None] = {}
        self.task: asyncio.Task[None] | None = None
        self.consumer: Consumer | None = None

    def _composed(self, platform: Platform) -> Service:
        """Compose the service without its routes and with sinks for channels: nobody asks over HTTP here, and to make
        the routes and to try all templates takes as long as a whole world."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(APPS[self.of], "make_router", lambda _front: APIRouter())
            if self.of != "intake":
                patch.setattr(APPS[self.of], "add_dead_letter_routes", lambda _router, _desk: None)
            if self.of == "notify":
                patch.setattr(services.notify.app, "open_senders", lambda _settings: self._sinks())
                patch.setattr(services.notify.app, "Wordings", lambda _folder: _wordings())
            service: Service = APPS[self.of].build(settings_of(self.of), platform, self.database)
        return service

    def _sinks(self) -> dict[str, Sender]:
        channels = {"email": False, "webhook": True, "inbox": True}
        return {name: Sink(name, dropped, self, self._world.receivers) for name, dropped in channels.items()}

    def start(self) -> None:
        """Run."""
        with within(self.of):
            self.task = asyncio.create_task(self._run(), name=self.name)
        self.when_killed(self.task.cancel)

    def end(self) -> None:
        """Ask the process to end properly, as SIGTERM does."""
        self._stop.set()

    async def _run(self) -> None:
        service, platform, health = self.service, self.platform, Health()
        self.consumer = Consumer(service, platform.log, platform.owner, platform.limits, health)
        loops: list[Callable[[asyncio.Event], Coroutine[Any, Any, None]]] = [
            self.consumer.run,
            Relay(service, platform.log, platform.partitions, platform.limits, health).run,
            *(worker.run for worker in service.workers if worker.name not in _LEFT_OUT),
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                for loop in loops:
                    tasks.create_task(loop(self._stop))
        except BaseException as error:  # noqa: BLE001 - whatever it is: the process ends, as a real one would
            # A process that died is done; one that fell by itself is started again, and told in the end.
            if not self.dead:
                self._world.fell(self, error)
        finally:
            self.kill()

    async def ask(self, request: Coroutine[Any, Any, T]) -> T:
        """Let the process answer a request, as its routes do; CancelledError or Crash when it dies before."""
        task = asyncio.create_task(request)
        self._requests[task] = None
        self.when_killed(task.cancel)
        try:
            return await asyncio.shield(task)
        finally:
            self._requests.pop(task, None)
