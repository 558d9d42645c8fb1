"""Risk's timed loops: the evaluator, woken by commits, with a slow poll as a net (D16); and housekeeping."""

import asyncio
from contextlib import suppress
from time import perf_counter

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from services.risk import metrics
from services.risk.evaluation.run import Evaluated, Fenced, evaluate_book
from services.risk.handlers.fold import EVALUATE, Scope, lanes_of
from services.risk.store import alerts, books
from services.risk.store.tables import HOUSE
from shared.clock import Clock
from shared.db import idempotency
from shared.db.port import Database, DatabaseUnavailable
from shared.log.lanes import lane_of
from shared.runtime.backoff import Backoff
from shared.runtime.bell import Bell
from shared.runtime.crashpoint import crash_point
from shared.runtime.service import Limits, Worker
from shared.telemetry import logger

_log = logger("evaluator")
_LEVELS = ("amber", "red")
_LINGER_S = 0.02
_PRUNE_EVERY_S = 3_600.0
_RETRY_S = 1.0


class EvaluatorLoop:
    """Evaluates books, one transaction each."""

    def __init__(self, database: Database, scope: Scope, bell: Bell, wake_relay: Bell, poll_s: float) -> None:
        """`bell` is rung when a batch has been committed in this process."""
        self._database, self._scope = database, scope
        self._bell, self._wake_relay, self._poll_s = bell, wake_relay, poll_s

    async def run(self, stop: asyncio.Event) -> None:
        """Evaluate until `stop`; passing faults are tried again, others stop the process."""
        backoff = Backoff(Limits())
        listening = asyncio.create_task(self._listen(), name="evaluator-listen")
        stopping = asyncio.create_task(_ring_at(stop, self._bell), name="evaluator-stop")
        try:
            while not stop.is_set():
                try:
                    busy = await self.evaluate_all()
                except (DatabaseUnavailable, Fenced) as error:
                    # A snapshot that lost a race, or a database that is away: nothing was written, look again.
                    metrics.EVALUATION_RETRIES.inc()
                    _log.warning("evaluation_retried", reason=str(error))
                    await backoff.pause(stop)
                    continue
                backoff.reset()
                if not busy:
                    await self._bell.wait(self._poll_s)
                # An evaluation costs the same for one fact and for a hundred: let those of a moment come together.
                await asyncio.sleep(_LINGER_S)
        finally:
            for task in (listening, stopping):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def evaluate_all(self) -> bool:
        """Evaluate every owned book that has marks; tell whether there was any."""
        try:
            async with self._database.read() as tx:
                lanes = await lanes_of(tx, self._scope)
                marked = await books.books_with_marks(tx)
        except (OperationalError, ProgrammingError) as error:
            # The tables are not there yet: start order does not matter.
            raise DatabaseUnavailable(f"not migrated: {error.orig}") from error
        mine = [name for name in marked if lane_of(name, lanes) in self._scope.lanes]
        for name in mine:
            await self.evaluate(name)
        return bool(mine)

    async def evaluate(self, book: str) -> Evaluated | None:
        """Evaluate one book in one transaction."""
        began = perf_counter()
        async with self._database.transaction(snapshot=True) as tx:
            done = await evaluate_book(tx, book, self._scope)
            levels = await alerts.count_open(tx, book) if done is not None and done.revisions else None
        if done is None:
            return None
        crash_point("evaluate.after_commit")
        metrics.EVALUATIONS.inc()
        metrics.EVALUATION_SECONDS.observe(perf_counter() - began)
        metrics.MARKS_TAKEN.inc(done.marks)
        if levels is not None:
            for level in _LEVELS:
                metrics.ALERTS_OPEN.labels(book, level).set(levels.get(level, 0))
            self._wake_relay.ring()
        return done

    async def _listen(self) -> None:
        """Take wake-ups from other processes; without them the poll still finds the work."""
        while True:
            try:
                async for _ in self._database.listen(EVALUATE):
                    self._bell.ring()
                return
            except (DatabaseUnavailable, DBAPIError) as error:
                _log.warning("listen_again", reason=str(error))
                await asyncio.sleep(self._poll_s)


async def _ring_at(stop: asyncio.Event, bell: Bell) -> None:
    await stop.wait()
    bell.ring()


def evaluator(database: Database, scope: Scope, bell: Bell, wake_relay: Bell, poll_s: float) -> Worker:
    """Return the worker that evaluates the books of this process."""
    return Worker("evaluator", EvaluatorLoop(database, scope, bell, wake_relay, poll_s).run)


class Housekeeping:
    """Lets idempotency keys go when their day is over."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Nothing happens before `run`."""
        self._database, self._clock = database, clock

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`."""
        while not stop.is_set():
            pause_s = _PRUNE_EVERY_S
            try:
                async with self._database.transaction() as tx:
                    await idempotency.prune(tx, HOUSE, self._clock.now())
            except (DatabaseUnavailable, OperationalError, ProgrammingError) as error:
                _log.info("housekeeping_waits", reason=type(error).__name__)
                pause_s = _RETRY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()


def housekeeping(database: Database, clock: Clock) -> Worker:
    """Return the worker that forgets what is no longer needed."""
    return Worker("housekeeping", Housekeeping(database, clock).run)
