"""From composed services to a running process and back: start in any order, drain on SIGTERM, end within ten seconds.

HTTP server, consumers, relays and workers are siblings in one task group: when one ends by an error, all stop and the
process ends with it, for whoever supervises the process to start it again.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

import uvicorn
from sqlalchemy.exc import DBAPIError

from shared.db import migrate
from shared.db.installation import OtherInstallation, belong
from shared.db.port import DatabaseUnavailable
from shared.log.port import LogUnavailable
from shared.runtime import metrics
from shared.runtime.backoff import rest
from shared.runtime.consume import Consumer
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.relay import Relay, measure_outbox
from shared.runtime.service import Platform, Service
from shared.security.keys import KeyRing
from shared.telemetry import logger, within

_MEASURE_EVERY_S = 2.0
_ASK_EVERY_S = 10.0
_LOOK_AGAIN_S = 0.2
_DRAIN_S = 8.0
_log = logger("lifecycle")


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling (signals belong to the process), which tells when its port answers."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._told is not None:
            await self._told()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(
    services: Sequence[Service],
    platform: Platform,
    keys: KeyRing,
    host: str,
    port: int,
    version: str,
    started: Callable[[], Awaitable[None]] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or `stop`; `started` is awaited once the port answers.

    OtherInstallation when a database belongs to another service or log.
    """
    try:
        await _run(services, platform, keys, (host, port), version, started, stop)
    except BaseExceptionGroup as group:
        found: BaseException | None = group.subgroup(OtherInstallation)
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        if found is None:
            raise
        raise found from None


async def _run(
    services: Sequence[Service],
    platform: Platform,
    keys: KeyRing,
    place: tuple[str, int],
    version: str,
    started: Callable[[], Awaitable[None]] | None,
    stop: asyncio.Event | None,
) -> None:
    host, port = place
    stop = stop or asyncio.Event()
    health = Health()
    metrics.BUILD_INFO.labels(version).set(1)
    app = make_app(services, keys, health, version)
    server = _Server(
        uvicorn.Config(app, host=host, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=5),
        started,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tune_garbage_collection()
    consumers = {
        service.name: Consumer(service, platform.log, platform.owner, platform.limits, health)
        for service in services
        if service.subscriptions
    }
    for service in services:
        _watch(service, platform, health)
        metrics.begin_at_zero(service.name, [one.topic for one in service.subscriptions], service.publishes)
    async with asyncio.TaskGroup() as tasks:
        work = [
            tasks.create_task(_measure(services, list(consumers.values()), platform, stop), name="measure"),
            tasks.create_task(_measure_readiness(health, stop), name="measure readiness"),
        ]
        for service in services:
            with within(service.name):
                loops = _loops(service, consumers.get(service.name), platform, health)
                work.append(tasks.create_task(_run_loops(service, platform, loops, stop), name=service.name))
        serving = tasks.create_task(server.serve())
        await _first(stop, serving)
        await _drain(server, serving, work, stop)
    _log.info("stopped")


async def _run_loops(
    service: Service,
    platform: Platform,
    loops: Mapping[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]],
    stop: asyncio.Event,
) -> None:
    """Run a service's loops once its database is known to belong to this log; OtherInstallation when it does not."""
    while not stop.is_set():
        try:
            log = await platform.log.identity()
            async with service.database.transaction() as tx:
                await belong(tx, service.house, service.name, log)
            break
        except (DatabaseUnavailable, LogUnavailable, DBAPIError) as error:
            # Not there yet, or not migrated yet: `/readyz` says so by itself.
            _log.info("service_waits", service=service.name, reason=type(error).__name__)
            await rest(stop, _LOOK_AGAIN_S)
    async with asyncio.TaskGroup() as tasks:
        for name, loop in loops.items():
            tasks.create_task(loop(stop), name=f"{service.name} {name}")


def _loops(
    service: Service, consumer: Consumer | None, platform: Platform, health: Health
) -> dict[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]]:
    """Return what runs for a service beside its routes."""
    loops = {worker.name: worker.run for worker in service.workers}
    if consumer is not None:
        loops["consumer"] = consumer.run
    if service.publishes:
        loops["relay"] = Relay(service, platform.log, platform.partitions, platform.limits, health).run
    return loops


async def _first(stop: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait for the stop, or for the server to end by itself (its port was taken)."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def _drain(
    server: uvicorn.Server, serving: asyncio.Task[None], work: Sequence[asyncio.Task[None]], stop: asyncio.Event
) -> None:
    stop.set()
    server.should_exit = True
    _log.info("draining")
    _, late = await asyncio.wait([serving, *work], timeout=_DRAIN_S)
    for task in late:
        _log.warning("stopped_hard", task=task.get_name())
        task.cancel()


def _watch(service: Service, platform: Platform, health: Health) -> None:
    async def database() -> str | None:
        return await service.database.check()

    async def migrations() -> str | None:
        try:
            pending = await migrate.pending(service.database, f"services.{service.name}")
        except DatabaseUnavailable as error:
            return str(error)
        return f"migrations to run: {', '.join(pending)}; `tocsin admin migrate`" if pending else None

    async def topics() -> str | None:
        try:
            wanted = {one.topic for one in service.subscriptions} | set(service.publishes)
            found = {topic: await platform.log.partitions(topic) for topic in sorted(wanted)}
        except LogUnavailable as error:
            return str(error)
        missing = [topic for topic, count in found.items() if count == 0]
        if missing:
            return f"topics missing: {', '.join(missing)}; `tocsin admin topics`"
        other = [topic for topic, count in found.items() if count != platform.partitions]
        return f"not {platform.partitions} partitions (TOCSIN_PARTITIONS): {', '.join(other)}" if other else None

    health.watch(service.name, "database", database)
    health.watch(service.name, "migrations", migrations)
    health.watch(service.name, "log", topics)


async def _measure(
    services: Sequence[Service], consumers: Sequence[Consumer], platform: Platform, stop: asyncio.Event
) -> None:
    """Set the gauges of outboxes and consumers; what cannot be reached keeps its figures until it can."""
    while not stop.is_set():
        for service in services:
            with contextlib.suppress(DatabaseUnavailable):
                await measure_outbox(service, platform.clock)
        for consumer in consumers:
            with contextlib.suppress(LogUnavailable):
                await consumer.measure_lag(platform.clock.now())
                await consumer.report_positions()
        await rest(stop, _MEASURE_EVERY_S)


async def _measure_readiness(health: Health, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for label, ready in (await health.components()).items():
            metrics.READY.labels(*label).set(ready)
        await rest(stop, _ASK_EVERY_S)


def tune_garbage_collection() -> None:
    """What is alive after start-up stays: looking at it again and again costs a fifth of the hot path (measured)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)
