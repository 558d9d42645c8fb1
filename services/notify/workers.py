"""Notify's loops: one that composes messages from what is due, one for each channel that sends them, housekeeping."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from time import perf_counter

from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from services.notify import metrics
from services.notify.domain.delivery import Outcome, Report
from services.notify.domain.directory import Channel
from services.notify.domain.provisioning import parse
from services.notify.domain.reasons import NoticeReason
from services.notify.domain.retrying import as_reported
from services.notify.handlers.answering import ANSWERS_AT_ONCE, answer_risk
from services.notify.handlers.composing import Taken, gather, keep, put_into_words
from services.notify.handlers.delivering import Lost, Parcel, leave, record, take_destinations, take_next
from services.notify.handlers.desk import Desk
from services.notify.handlers.keeping import converge
from services.notify.handlers.reminding import remind
from services.notify.senders.port import Sender
from services.notify.store import destinations, messages, notices
from services.notify.store.destinations import Lease
from services.notify.store.tables import HOUSE
from shared.clock import Clock
from shared.crashpoint import crash_point
from shared.db import idempotency
from shared.db.port import Database, DatabaseUnavailable
from shared.kernel.ids import jitter
from shared.runtime.backoff import Backoff, rest
from shared.runtime.bell import Bell, rung_at_stop
from shared.runtime.service import Limits, Worker
from shared.telemetry import logger, span

_PASSING = (DatabaseUnavailable, OperationalError, ProgrammingError)
"""The database is away, or its tables are not there yet: start order does not matter."""
_PRUNE_EVERY_S = 3_600.0
_SENDER_SPARE_S = 5.0
_FORGET_ROWS = 1_000
_log = logger("notify")


class ComposerLoop:
    """Makes messages of notices that are due; one process at a time."""

    def __init__(self, database: Database, desk: Desk, bell: Bell, sending: Mapping[str, Bell]) -> None:
        """`bell` is rung when notices were committed in this process; `sending` wakes the channels."""
        self._database, self._desk = database, desk
        self._bell, self._sending = bell, sending

    async def run(self, stop: asyncio.Event) -> None:
        """Compose until `stop`; passing faults are tried again."""
        backoff = Backoff(Limits())
        async with rung_at_stop(self._bell, stop):
            while not stop.is_set():
                try:
                    await self.compose_all(stop)
                    await self.measure()
                except _PASSING as error:
                    _log.warning("compose_waits", reason=str(error))
                    await backoff.pause(stop)
                    continue
                backoff.reset()
                await self._bell.wait(self._desk.settings.notify_poll_s)

    async def compose_all(self, stop: asyncio.Event | None = None) -> int:
        """Compose what is due, as far as no other process does; return the number of messages."""
        made = 0
        async with self._database.claim("notify compose") as held:
            if not held:
                return 0
            async with self._database.transaction() as tx:
                await remind(tx, self._desk)
                await notices.end_expired(tx, tx.now)
            await self._answer_all()
            while stop is None or not stop.is_set():
                composed = await self._compose_some()
                if composed is None:
                    break
                made += composed
        return made

    async def _answer_all(self) -> None:
        """Tell risk of the revisions that are planned."""
        answered = ANSWERS_AT_ONCE
        while answered == ANSWERS_AT_ONCE:
            async with self._database.transaction() as tx:
                answered = await answer_risk(tx, self._desk)

    async def _compose_some(self) -> int | None:
        """Compose what is due to some recipients; None when nothing is."""
        async with self._database.read() as tx:
            work = await gather(tx, self._desk)
        if work is None:
            return None
        composed = await put_into_words(work, self._desk)
        try:
            async with self._database.transaction() as tx:
                await keep(tx, composed)
                crash_point("compose.before_commit")
        except (Taken, IntegrityError):
            _log.info("composed_elsewhere")
            return None
        crash_point("compose.after_commit")
        for bell in self._sending.values():
            bell.ring()
        return len(composed.messages)

    async def measure(self) -> None:
        """Set the gauges of what is not done."""
        async with self._database.read() as tx:
            left, now = await messages.backlog(tx), tx.now
        for channel in self._sending:
            metrics.MESSAGES_WAITING.labels(channel).set(left.waiting.get(channel, 0))
        age_s = (now - left.oldest).total_seconds() if left.oldest is not None else 0.0
        metrics.OLDEST_WAITING_SECONDS.set(age_s)
        metrics.MESSAGES_UNKNOWN.set(left.unknown)


class SenderLoop:
    """Sends the messages of one channel: one at a time to each destination, several destinations at once."""

    def __init__(self, database: Database, sender: Sender, desk: Desk, clock: Clock, bell: Bell) -> None:
        """`bell` is rung when there is something to send."""
        self._database, self._sender, self._desk = database, sender, desk
        self._clock, self._bell = clock, bell
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; what is under way then is finished first."""
        backoff = Backoff(Limits())
        try:
            async with rung_at_stop(self._bell, stop), asyncio.TaskGroup() as tasks:
                while not stop.is_set():
                    try:
                        leases = await self._take()
                    except _PASSING as error:
                        _log.warning("send_waits", channel=self._sender.channel, reason=str(error))
                        await backoff.pause(stop)
                        continue
                    backoff.reset()
                    for lease in leases:
                        task = tasks.create_task(self.drain(lease, stop), name=f"send {lease.channel}")
                        self._running.add(task)
                        task.add_done_callback(self._done)
                    if not leases:
                        await self._bell.wait(self._desk.settings.notify_poll_s)
        finally:
            await self._sender.close()

    async def send_all(self) -> None:
        """Send everything that is due now."""
        while leases := await self._take():
            await asyncio.gather(*(self.drain(lease) for lease in leases))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._bell.ring()

    async def _take(self) -> list[Lease]:
        free = self._desk.settings.senders_at_once - len(self._running)
        if free <= 0:
            return []
        async with self._database.transaction() as tx:
            return await take_destinations(tx, self._sender.channel, self._sender.repeats_dropped, free, self._desk)

    async def drain(self, lease: Lease, stop: asyncio.Event | None = None) -> None:
        """Send to one destination until it has nothing more, fails, or is lost to another process."""
        try:
            async with self._database.transaction() as tx:
                parcel = await take_next(tx, lease, self._desk)
            while parcel is not None:
                crash_point("notify.before_send")
                began = perf_counter()
                report = await self._send(parcel)
                crash_point("notify.after_send")
                took_s = perf_counter() - began
                parcel = await self._recorded(parcel, report, took_s, stop)
                crash_point("notify.after_record")
        except Lost:
            metrics.LEASES_LOST.inc()
            _log.warning("lease_lost", channel=lease.channel)
        except _PASSING as error:
            # The lease runs out, and whoever takes the destination next decides on what was under way.
            _log.warning("destination_left", channel=lease.channel, reason=str(error))

    async def _send(self, parcel: Parcel) -> Report:
        """Send once; not at all when so late that another process may have the destination by now."""
        allowed_s = self._desk.settings.send_timeout_s + _SENDER_SPARE_S
        if (parcel.lease.until - self._clock.now()).total_seconds() < allowed_s:
            return Report(Outcome.RETRY, "this process was held up before it sent anything")
        try:
            async with asyncio.timeout(allowed_s):
                report = await self._send_in_trace(parcel)
        except TimeoutError:
            report = Report(Outcome.UNKNOWN, "the sender did not come to an end in time")
        return as_reported(report, self._sender.repeats_dropped)

    async def _send_in_trace(self, parcel: Parcel) -> Report:
        message = parcel.outgoing
        with span(f"send {message.channel}", "client", [parcel.traceparent], message=message.id) as sending:
            report = await self._sender.send(message)
            sending.set_attribute("outcome", report.outcome)
        return report

    async def _recorded(
        self, parcel: Parcel, report: Report, took_s: float, stop: asyncio.Event | None
    ) -> Parcel | None:
        """Record an attempt and take the destination's next message, in one transaction; tried until the lease ends."""
        backoff = Backoff(Limits())
        while True:
            try:
                async with self._database.transaction() as tx:
                    goes_on = await record(tx, parcel, report, took_s, self._desk, jitter())
                    following = None
                    if goes_on and stop is not None and stop.is_set():
                        await leave(tx, parcel.lease)
                    elif goes_on:
                        following = await take_next(tx, parcel.lease, self._desk)
                break
            except DatabaseUnavailable as error:
                if self._clock.now() >= parcel.lease.until:
                    raise
                _log.warning("record_waits", channel=self._sender.channel, reason=str(error))
                await backoff.pause(stop or asyncio.Event())
        channel = self._sender.channel
        metrics.MESSAGES.labels(channel, parcel.purpose, report.outcome).inc()
        metrics.SEND_SECONDS.labels(channel).observe(took_s)
        return following


class Housekeeping:
    """Reads the provisioning file at start, then lets go, every hour, of what is kept long enough."""

    def __init__(self, database: Database, desk: Desk) -> None:
        """Nothing happens before `run`."""
        self._database, self._desk, self._file = database, desk, desk.settings.people_file

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; what the database keeps from it is tried again."""
        backoff = Backoff(Limits())
        provisioned = False
        while not stop.is_set():
            try:
                if not provisioned:
                    await self.provision()
                    await self._release()
                    provisioned = True
                await self.forget()
            except _PASSING as error:
                _log.info("housekeeping_waits", reason=type(error).__name__)
                await backoff.pause(stop)
                continue
            await rest(stop, _PRUNE_EVERY_S)

    async def provision(self) -> None:
        """Bring people, teams, endpoints and routes to what the file says; a wrong file changes nothing and is told."""
        if self._file is None:
            return
        try:
            text = await asyncio.to_thread(self._file.read_text, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            metrics.PROVISIONING_FAILED.set(1)
            _log.error("people_file_unreadable", file=str(self._file), reason=str(error))
            return
        parsed = parse(text)
        for wrong in parsed.errors:
            _log.error("people_file_wrong", file=str(self._file), line=wrong.line, path=wrong.path, reason=wrong.detail)
        metrics.PROVISIONING_FAILED.set(1 if parsed.errors else 0)
        if parsed.provisioned is not None:
            async with self._database.transaction() as tx:
                done = await converge(tx, parsed.provisioned)
            _log.info("people_file_applied", file=str(self._file), **done._asdict())

    async def forget(self) -> None:
        """Let go of what is kept long enough: idempotency keys, messages with their attempts, unused addresses."""
        async with self._database.transaction() as tx:
            await idempotency.prune(tx, HOUSE, tx.now)
        kept = timedelta(days=self._desk.settings.messages_kept_d)
        forgotten = _FORGET_ROWS
        while forgotten == _FORGET_ROWS:
            async with self._database.transaction() as tx:
                forgotten = await messages.forget_old(tx, tx.now - kept, _FORGET_ROWS)
        async with self._database.transaction() as tx:
            await destinations.forget_unused(tx)

    async def _release(self) -> None:
        """Let go on what waited for a mail server, if there is one now."""
        if Channel.EMAIL in self._desk.channels:
            async with self._database.transaction() as tx:
                await notices.release_for(tx, NoticeReason.NO_MAIL_SERVER, tx.now)


def make_workers(
    database: Database,
    senders: Mapping[str, Sender],
    desk: Desk,
    clock: Clock,
    composing: Bell,
    sending: Mapping[str, Bell],
) -> tuple[Worker, ...]:
    """Return all loops of notify."""
    return (
        Worker("compose", ComposerLoop(database, desk, composing, sending).run),
        *(
            Worker(f"send {channel}", SenderLoop(database, sender, desk, clock, sending[channel]).run)
            for channel, sender in senders.items()
        ),
        Worker("housekeeping", Housekeeping(database, desk).run),
    )
