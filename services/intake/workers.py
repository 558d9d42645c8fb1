"""Intake's timed loops: one holds the process to its lanes and lets old idempotency keys go, one measures."""

import asyncio
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from services.intake import metrics
from services.intake.domain.reading import microseconds
from services.intake.domain.reasons import State
from services.intake.handlers.desk import Desk
from services.intake.store import quarantine
from shared.clock import Clock
from shared.db import idempotency
from shared.db.port import Database, DatabaseUnavailable, Tx
from shared.runtime.backoff import rest
from shared.telemetry import logger

_RETRY_S = 1.0
_PRUNE_EVERY_S = 3_600.0
_MEASURE_EVERY_S = 15.0
_HELD = (State.WAITING, State.QUARANTINED)
_log = logger("intake")


class Housekeeping:
    """Runs beside the routes; each tick is one transaction."""

    def __init__(self, database: Database, desk: Desk, clock: Clock) -> None:
        """Nothing happens before `run`."""
        self._database, self._desk, self._clock = database, desk, clock

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; PartitionsChanged stops the process, because its keys would go to other lanes (D9)."""
        while not stop.is_set():
            try:
                async with self._database.transaction() as tx:
                    await self.tick(tx)
                pause_s = _PRUNE_EVERY_S
            except (DatabaseUnavailable, DBAPIError) as error:
                # Not there yet, or not migrated yet: start order does not matter.
                _log.info("housekeeping_waits", reason=type(error).__name__)
                pause_s = _RETRY_S
            await rest(stop, pause_s)

    async def tick(self, tx: Tx) -> int:
        """Do what is due; return how many keys went."""
        await self._desk.fix_lanes(tx)
        return await idempotency.prune(tx, self._desk.house, self._clock.now())


class Measuring:
    """Tells how much is held in quarantine, and for how long."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Nothing happens before `run`."""
        self._database, self._clock = database, clock

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; what cannot be read now is read later."""
        while not stop.is_set():
            with suppress(DatabaseUnavailable, DBAPIError):
                async with self._database.read() as tx:
                    await self.tick(tx)
            await rest(stop, _MEASURE_EVERY_S)

    async def tick(self, tx: Tx) -> None:
        """Set the gauges."""
        held = await quarantine.count_held(tx)
        now_us = microseconds(self._clock.now())
        for state in _HELD:
            count, oldest_us = held.get(state.value, (0, now_us))
            metrics.QUARANTINE_FACTS.labels(state.value).set(count)
            metrics.QUARANTINE_OLDEST_SECONDS.labels(state.value).set(max(0, now_us - oldest_us) / 1_000_000)
