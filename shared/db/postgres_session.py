"""What lives on sessions outside the pool: claims (advisory locks) and notifications."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import asyncpg

from shared.db.port import DatabaseUnavailable
from shared.db.postgres_tx import outside_faults
from shared.db.wakes import Switchboard

_log = logging.getLogger(__name__)

_RETRY_DELAY_S = 0.5
_CLOSE_TIMEOUT_S = 2.0
_LOST = "the claim's session was lost"


class Claims:
    """All claims of this process, held as advisory locks of one session: they end with it, whatever happens to us."""

    def __init__(self, connect: dict[str, Any]) -> None:
        """Connect lazily, with asyncpg's arguments."""
        self._connect = connect
        self._session: Any = None
        self._turn = asyncio.Lock()
        self._holders: dict[str, _Holder] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[bool]:
        """Try to hold a claim for the block; when the session is lost the block ends in DatabaseUnavailable."""
        if name in self._holders:
            yield False
            return
        holder = _Holder()
        self._holders[name] = holder
        try:
            number = _number_of(name)
            held: bool | None = None
            try:
                held = await self._ask("SELECT pg_try_advisory_lock($1)", number, connect=True)
                if not held:
                    yield False
                    return
                with holder:
                    yield True
            finally:
                # A cancelled attempt may have got the lock too.
                if held is not False:
                    await asyncio.shield(self._give_up(number))
        finally:
            del self._holders[name]

    async def _ask(self, sql: str, number: int, connect: bool) -> bool:
        """Run a lock function on the session; without a session there is nothing to unlock."""
        async with self._turn:
            with outside_faults():
                if self._session is None:
                    if not connect:
                        return False
                    self._session = await asyncpg.connect(**self._connect)
                    self._session.add_termination_listener(self._lost)
                session = self._session
                return bool(await session.fetchval(sql, number))

    async def _give_up(self, number: int) -> None:
        """Release a lock; a session that cannot do even that is cut, which releases all."""
        try:
            await self._ask("SELECT pg_advisory_unlock($1)", number, connect=False)
        except DatabaseUnavailable:
            if self._session is not None:
                self._session.terminate()

    def _lost(self, session: Any) -> None:
        if session is self._session:
            self._session = None
            for holder in self._holders.values():
                holder.lose()

    async def close(self) -> None:
        """Give up all claims."""
        async with self._turn:
            session, self._session = self._session, None
            await _close(session)


class _Holder:
    """Breaks off the block that holds a claim when the claim is lost, the way `asyncio.timeout` does."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._lost = False

    def __enter__(self) -> None:
        if self._lost:
            # As it was granted: nobody could be broken off yet.
            raise DatabaseUnavailable(_LOST)
        self._task = asyncio.current_task()
        assert self._task is not None
        # In a task whose TaskGroup once failed it stays at 1 (CPython to 3.12).
        self._cancelling = self._task.cancelling()

    def lose(self) -> None:
        """Break the block off."""
        if self._task is not None and not self._lost:
            self._task.cancel()
        self._lost = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        task, self._task = self._task, None
        if self._lost and task is not None:
            remaining = task.uncancel()
            if remaining <= self._cancelling and (error is None or isinstance(error, asyncio.CancelledError)):
                raise DatabaseUnavailable(_LOST) from error


class Notifications:
    """LISTEN on one session for all channels somebody in this process listens to."""

    def __init__(self, connect: dict[str, Any], board: Switchboard) -> None:
        """Deliver to `board`."""
        self._connect = connect
        self._board = board
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def refresh(self) -> None:
        """Make the session listen to the channels that are wanted now."""
        self._wanted.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_listening())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_listening(self) -> None:
        while True:
            session = None
            try:
                with outside_faults():
                    session = await asyncpg.connect(**self._connect)
                    await self._serve(session)
            except (DatabaseUnavailable, asyncpg.PostgresError) as error:
                _log.warning("not listening for wake-ups, trying again: %s", error)
                await asyncio.sleep(_RETRY_DELAY_S)
            finally:
                await _close(session)

    async def _serve(self, session: Any) -> None:
        """Listen until the session is lost."""
        session.add_termination_listener(lambda _: self._wanted.set())
        listened: set[str] = set()
        while not session.is_closed():
            self._wanted.clear()
            for channel in sorted(self._board.channels - listened):
                await session.add_listener(channel, self._heard)
                listened.add(channel)
            await self._wanted.wait()
        raise DatabaseUnavailable("the listening session was lost")

    def _heard(self, _session: Any, _pid: int, channel: str, payload: str) -> None:
        self._board.deliver([(channel, payload)])


async def _close(session: Any) -> None:
    """Close a session within a bounded time; what cannot be closed politely is cut."""
    if session is None or session.is_closed():
        return
    try:
        with outside_faults():
            await session.close(timeout=_CLOSE_TIMEOUT_S)
    except DatabaseUnavailable:
        session.terminate()


def _number_of(name: str) -> int:
    """Return the signed 64-bit number that PostgreSQL wants for a lock."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
