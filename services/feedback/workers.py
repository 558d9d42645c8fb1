"""Feedback's timed loops: inviting clients whose occasion's day is closed; letting idempotency keys go."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError

from services.feedback.handlers.desk import Desk
from services.feedback.handlers.inviting import decide_due
from services.feedback.store.tables import HOUSE
from shared.crashpoint import crash_point
from shared.db import idempotency
from shared.db.port import Database, DatabaseUnavailable, Tx
from shared.runtime.backoff import rest
from shared.runtime.bell import Bell, rung_at_stop
from shared.runtime.service import Worker
from shared.telemetry import logger

_CLAIM = "feedback inviter"
_RETRY_S = 1.0
_PRUNE_EVERY_S = 3_600.0
_log = logger("feedback")


class Inviter:
    """Decides on occasions, one slice in each transaction; of several processes one at a time, so in one order."""

    def __init__(self, database: Database, desk: Desk, bell: Bell, relay: Bell, poll_s: float) -> None:
        """`bell` is rung when something was learned in this process, `relay` when an invitation is to leave."""
        self._database, self._desk, self._bell, self._relay, self._poll_s = database, desk, bell, relay, poll_s

    async def run(self, stop: asyncio.Event) -> None:
        """Invite until `stop`."""
        async with rung_at_stop(self._bell, stop):
            while not stop.is_set():
                await _or_wait(stop, self.invite_all)
                await self._bell.wait(self._poll_s)

    async def invite_all(self) -> int:
        """Decide on everything that is due, unless another process does; return how many occasions that were."""
        decided = 0
        async with self._database.claim(_CLAIM) as held:
            while held:
                async with self._database.transaction() as tx:
                    count = await decide_due(tx, self._desk)
                    if count:
                        crash_point("invite.before_commit")
                if not count:
                    break
                crash_point("invite.after_commit")
                decided += count
                self._relay.ring()
        return decided


class Housekeeping:
    """Lets idempotency keys go when their day is over."""

    def __init__(self, database: Database) -> None:
        """Nothing happens before `run`."""
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`."""
        while not stop.is_set():
            await _or_wait(stop, self._prune)
            await rest(stop, _PRUNE_EVERY_S)

    async def _prune(self) -> None:
        async with self._database.transaction() as tx:
            await prune(tx)


async def prune(tx: Tx) -> int:
    """Let keys go whose day is over; return how many."""
    return await idempotency.prune(tx, HOUSE, tx.now)


async def _or_wait(stop: asyncio.Event, work: Callable[[], Awaitable[object]]) -> None:
    """Do a piece of work; while the database is away, or not migrated yet, try again until `stop`."""
    while not stop.is_set():
        try:
            await work()
            return
        except (DatabaseUnavailable, DBAPIError) as error:
            _log.info("feedback_waits", reason=type(error).__name__)
            await rest(stop, _RETRY_S)


def workers(database: Database, desk: Desk, bell: Bell, relay: Bell, poll_s: float) -> tuple[Worker, ...]:
    """Return feedback's loops."""
    return (
        Worker("feedback inviter", Inviter(database, desk, bell, relay, poll_s).run),
        Worker("feedback housekeeping", Housekeeping(database).run),
    )
