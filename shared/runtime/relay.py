"""The relay: takes a service's outbox to the log, lane by lane, unsent rows in order, at least once.

A row is deleted after the log has confirmed it; a crash between the two sends it again, and the next ledger drops it.
One process holds a lane's claim at a time, so that rows of one key are never sent side by side.
"""

import asyncio
from datetime import datetime

from shared.clock import Clock
from shared.crashpoint import crash_point
from shared.db import outbox
from shared.db.port import DatabaseUnavailable
from shared.log.port import EventLog, LogUnavailable, Outgoing, Partition
from shared.runtime import metrics
from shared.runtime.backoff import Backoff
from shared.runtime.bell import Bell
from shared.runtime.health import Health
from shared.runtime.service import Limits, Service
from shared.telemetry import about_batch, logger, origins_of, span

_POLL_S = 1.0
_FEW_LANES = 2
_LINGER_S = 0.005
_log = logger("relay")


class Relay:
    """Drains one service's outbox while it runs."""

    def __init__(self, service: Service, log: EventLog, partitions: int, limits: Limits, health: Health) -> None:
        """`partitions` is the number of lanes of each topic."""
        self._service, self._log, self._limits = service, log, limits
        self._lanes = [Partition(topic, number) for topic in service.publishes for number in range(partitions)]
        self._parts = {lane: health.part(service.name, "relay", f"{lane.topic}/{lane.number}") for lane in self._lanes}
        self._sent: dict[Partition, list[int]] = {}
        """Rows that the log has confirmed and the outbox still has."""
        self._bells = {lane: Bell() for lane in self._lanes}

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; what is unsent then stays in the outbox."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(self._hold_lane(lane, stop), name=f"relay {lane.topic}/{lane.number}")
            tasks.create_task(self._ring_lanes(stop), name="relay bells")

    async def _ring_lanes(self, stop: asyncio.Event) -> None:
        """Wake the lanes that have work: one look-up for all of them per ring of the service's bell."""
        while not stop.is_set():
            await self._service.wake_relay.wait(_POLL_S)
            if stop.is_set():
                break
            for lane in await self._lanes_to_wake():
                self._bells[lane].ring()
        for bell in self._bells.values():
            bell.ring()

    async def _lanes_to_wake(self) -> list[Partition]:
        """Return the lanes that have work; few lanes look for themselves, which costs no more than asking for all."""
        if len(self._lanes) <= _FEW_LANES:
            return self._lanes
        try:
            async with self._service.database.read() as tx:
                waiting = await outbox.lanes_with_work(tx, self._service.house)
        except DatabaseUnavailable:
            return []
        return [lane for lane in (Partition(*one) for one in waiting) if lane in self._bells]

    async def _hold_lane(self, lane: Partition, stop: asyncio.Event) -> None:
        backoff = Backoff(self._limits)
        while not stop.is_set():
            try:
                async with self._service.database.claim(f"relay {lane.topic}/{lane.number}") as held:
                    if held:
                        await self._drain_lane(lane, stop, backoff)
                    else:
                        # Another process has the lane: what kept this one from it is over.
                        self._parts[lane].reason = ""
                        await self._bells[lane].wait(_POLL_S)
            except (DatabaseUnavailable, LogUnavailable) as error:
                metrics.SEND_FAILURES.labels(self._service.name, lane.topic).inc()
                self._parts[lane].reason = str(error)
                _log.warning("relay_waits", topic=lane.topic, partition=lane.number, reason=str(error))
                await backoff.pause(stop)

    async def _drain_lane(self, lane: Partition, stop: asyncio.Event, backoff: Backoff) -> None:
        while not stop.is_set():
            sent = await self.send_once(lane)
            backoff.reset()
            self._parts[lane].reason = ""
            if not sent:
                await self._bells[lane].wait(_POLL_S)
                # Sending costs the same for one row and for many: let those of a moment go together.
                await asyncio.sleep(_LINGER_S)

        await self._forget_sent(lane)

    async def send_once(self, lane: Partition) -> int:
        """Send the next rows of a lane, forgetting those that were sent before; return how many were sent now."""
        rows = await self._forget_sent(lane)
        if not rows:
            return 0
        records = [record for _, record in rows]
        with span(f"send {lane.topic}", "producer", origins_of(records), **about_batch(records)):
            await self._log.append(records, self._limits.send_timeout_s)
        crash_point("relay.after_send", self._service.name)
        self._sent[lane] = [seq for seq, _ in rows]
        metrics.SENT.labels(self._service.name, lane.topic).inc(len(rows))
        return len(rows)

    async def _forget_sent(self, lane: Partition) -> list[tuple[int, Outgoing]]:
        """Forget what is known to be sent, and look what is next, in one transaction: half as many as one for each."""
        sent, house = self._sent.get(lane, []), self._service.house
        async with self._service.database.transaction() as tx:
            if sent:
                await outbox.forget(tx, house, lane.topic, lane.number, sent)
            rows = await outbox.unsent(tx, house, lane.topic, lane.number, self._limits.relay_rows)
        if sent:
            crash_point("relay.after_forget", self._service.name)
            del self._sent[lane]
        return rows


async def measure_outbox(service: Service, clock: Clock) -> None:
    """Set the gauges that tell how much is unsent and for how long."""
    async with service.database.read() as tx:
        backlog = await outbox.backlog(tx, service.house)
    oldest: datetime | None = min((created for *_, created in backlog), default=None)
    rows = sum(count for _, _, count, _ in backlog)
    service.room.counted(rows)
    metrics.OUTBOX_ROWS.labels(service.name).set(rows)
    metrics.OUTBOX_AGE_SECONDS.labels(service.name).set((clock.now() - oldest).total_seconds() if oldest else 0)
