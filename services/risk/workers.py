"""Risk's timed loops: the evaluator, woken by commits, with a slow poll as a net (D16); and housekeeping."""

import asyncio
from contextlib import suppress
from time import perf_counter

from prometheus_client import REGISTRY
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from services.risk import metrics
from services.risk.domain.moments import micros_of
from services.risk.evaluation.gauges import BookGauges, read_book
from services.risk.evaluation.run import Evaluated, Fenced, evaluate_book
from services.risk.handlers.fold import EVALUATE, Scope, lanes_of
from services.risk.handlers.reckoning import judge_again
from services.risk.settings import RiskSettings
from services.risk.store import awaited, books, completeness
from services.risk.store.tables import HOUSE
from shared.clock import Clock, SystemClock
from shared.crashpoint import crash_point
from shared.db import idempotency
from shared.db.port import Database, DatabaseUnavailable, Tx
from shared.log.lanes import lane_of
from shared.runtime.backoff import Backoff, rest
from shared.runtime.bell import Bell, rung_at_stop
from shared.runtime.service import Limits, Worker
from shared.telemetry import logger

_log = logger("evaluator")
_LINGER_S = 0.02
_GAUGES_EVERY_S = 2.0
_PRUNE_EVERY_S = 3_600.0
_RETRY_S = 1.0
_RECKON_EVERY_S = 15.0


class EvaluatorLoop:
    """Evaluates books, one transaction each."""

    def __init__(
        self, database: Database, scope: Scope, bell: Bell, wake_relay: Bell, poll_s: float, moved: set[str]
    ) -> None:
        """`bell` is rung when a batch has been committed in this process; books that were evaluated go into `moved`."""
        self._database, self._scope = database, scope
        self._bell, self._wake_relay, self._poll_s = bell, wake_relay, poll_s
        self._moved = moved

    async def run(self, stop: asyncio.Event) -> None:
        """Evaluate until `stop`; what fails is tried again, and other books go on meanwhile."""
        backoff = Backoff(Limits())
        listening = asyncio.create_task(self._listen(), name="evaluator-listen")
        try:
            async with rung_at_stop(self._bell, stop):
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
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def evaluate_all(self) -> bool:
        """Evaluate every owned book that has marks; tell whether any could be."""
        try:
            async with self._database.read() as tx:
                lanes = await lanes_of(tx, self._scope)
                marked = await books.books_with_marks(tx)
        except (OperationalError, ProgrammingError) as error:
            # The tables are not there yet: start order does not matter.
            raise DatabaseUnavailable(f"not migrated: {error.orig}") from error
        mine = [name for name in marked if lane_of(name, lanes) in self._scope.lanes]
        done = 0
        for name in mine:
            try:
                await self.evaluate(name)
                done += 1
            except (DatabaseUnavailable, Fenced):
                raise
            except Exception as error:  # noqa: BLE001 - a book that cannot be evaluated holds up no other
                # Its marks stay, so that it is tried again at the next poll, and missed as not evaluated in time.
                metrics.EVALUATION_RETRIES.inc()
                _log.error("evaluation_failed", book=name, error=f"{type(error).__name__}: {error}"[:2_000])
        return done > 0

    async def evaluate(self, book: str) -> Evaluated | None:
        """Evaluate one book in one transaction."""
        began = perf_counter()
        async with self._database.transaction(snapshot=True) as tx:
            done = await evaluate_book(tx, book, self._scope)
        if done is None:
            return None
        crash_point("evaluate.after_commit")
        metrics.EVALUATIONS.inc()
        metrics.EVALUATION_SECONDS.observe(perf_counter() - began)
        metrics.MARKS_TAKEN.inc(done.marks)
        self._moved.add(book)
        if done.revisions:
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


def evaluator(database: Database, scope: Scope, bell: Bell, wake_relay: Bell, poll_s: float, moved: set[str]) -> Worker:
    """Return the worker that evaluates the books of this process."""
    return Worker("evaluator", EvaluatorLoop(database, scope, bell, wake_relay, poll_s, moved).run)


class GaugeLoop:
    """Shows the books that this process evaluates as gauges, and forgets those that it has lost."""

    def __init__(self, database: Database, scope: Scope, moved: set[str], shown: BookGauges, most: int) -> None:
        """`moved`: books that were evaluated since; `most`: series of one process at most."""
        self._database, self._scope, self._moved, self._shown = database, scope, moved, shown
        self._lanes: set[int] = set()
        self._number = scope.partitions
        shown.most = most

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; nothing is read while nothing changes."""
        while not stop.is_set():
            with suppress(DatabaseUnavailable, OperationalError, ProgrammingError):
                await self.refresh()
            await rest(stop, _GAUGES_EVERY_S)

    async def refresh(self) -> None:
        """Read what has changed: which books are this process's, and those of them that were evaluated."""
        if self._lanes != self._scope.lanes:
            lanes = set(self._scope.lanes)
            async with self._database.read() as tx:
                number = await lanes_of(tx, self._scope)
                names = await books.all_evaluated_books(tx)
            self._lanes, self._number = lanes, number
            self._moved.update(names)
            for book in self._shown.books:
                if not self._is_mine(book):
                    self._shown.forget(book)
        for book in sorted(self._moved):
            # A book that is evaluated while it is read is read again.
            self._moved.discard(book)
            if self._is_mine(book):
                await self._read(book)

    def _is_mine(self, book: str) -> bool:
        return lane_of(book, self._number) in self._lanes

    async def _read(self, book: str) -> None:
        try:
            async with self._database.read() as tx:
                state = await read_book(tx, book, self._shown.most)
        except BaseException:
            self._moved.add(book)
            raise
        if state is not None:
            self._shown.show(book, state)


BOOK_GAUGES = BookGauges(SystemClock())
REGISTRY.register(BOOK_GAUGES)


def gauges(database: Database, scope: Scope, moved: set[str], settings: RiskSettings) -> Worker:
    """Return the worker that shows the books of this process as gauges."""
    BOOK_GAUGES.close_by_h = settings.close_by_h
    return Worker("gauges", GaugeLoop(database, scope, moved, BOOK_GAUGES, settings.gauge_series).run)


class Reckoning:
    """Judges closed days again whose facts were missing, and shows what is missing still."""

    def __init__(self, database: Database) -> None:
        """Nothing happens before `run`."""
        self._database = database
        self._shown: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; what cannot be read now is read later."""
        while not stop.is_set():
            with suppress(DatabaseUnavailable, DBAPIError):
                async with self._database.transaction() as tx:
                    await self.tick(tx)
            await rest(stop, _RECKON_EVERY_S)

    async def tick(self, tx: Tx) -> None:
        """Judge again and set the gauges; a book that has nothing to show any more shows zero."""
        await judge_again(tx)
        gaps, unanswered = await completeness.gaps(tx), await awaited.oldest_sent(tx)
        self._shown.update(await books.all_evaluated_books(tx))
        now_us = micros_of(tx.now)
        for book in self._shown:
            missing, unaccepted = gaps.get(book, (0, 0))
            metrics.GAP_FACTS.labels(book, "missing").set(missing)
            metrics.GAP_FACTS.labels(book, "unaccepted").set(unaccepted)
            count, oldest_us = unanswered.get(book, (0, now_us))
            metrics.UNANSWERED_REVISIONS.labels(book).set(count)
            metrics.UNANSWERED_SECONDS.labels(book).set(max(0, now_us - oldest_us) / 1_000_000)


def reckoning(database: Database) -> Worker:
    """Return the worker that shows what is missing."""
    return Worker("reckoning", Reckoning(database).run)


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
            await rest(stop, pause_s)


def housekeeping(database: Database, clock: Clock) -> Worker:
    """Return the worker that forgets what is no longer needed."""
    return Worker("housekeeping", Housekeeping(database, clock).run)
