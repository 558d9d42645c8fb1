"""One writer, many transactions, one durable commit for all that queue (D23).

Each transaction runs inside its own savepoint. Who leaves while others wait hands the writer on and awaits the
commit of the group; the last in line, or the one at which the group is full or old, has it committed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.db.port import DatabaseUnavailable

MAX_GROUP = 256
MAX_GROUP_AGE_S = 0.01

Wake = tuple[str, str]


class Connection(Protocol):
    """What the group needs of the one writing connection; every call but `commit` returns at once."""

    def begin(self) -> None:
        """Begin the outer transaction."""

    def savepoint(self) -> None:
        """Begin an inner transaction."""

    def release(self) -> None:
        """Keep what the inner transaction did."""

    def rollback_to_savepoint(self) -> None:
        """Undo what the inner transaction did, and end it."""

    def rollback(self) -> None:
        """Undo everything."""

    def in_transaction(self) -> bool:
        """Tell whether the outer transaction is still open: a full disk may have ended it."""

    async def commit(self) -> None:
        """Make everything durable."""


@dataclass(eq=False)
class _Group:
    """Transactions that share one commit."""

    opened_s: float
    done: asyncio.Future[None]
    members: int = 0
    wakes: list[Wake] = field(default_factory=list)


class GroupCommit:
    """Gives the writer in turn, in the order of asking."""

    def __init__(self, connection: Connection, committed: Callable[[Sequence[Wake]], None]) -> None:
        """Write through `connection`; `committed` is called with the wakes of each group after its commit."""
        self._connection = connection
        self._committed = committed
        self._queue: deque[asyncio.Future[None]] = deque()
        self._busy = False
        self._holder: asyncio.Task[object] | None = None
        self._group: _Group | None = None
        self._committing: asyncio.Task[None] | None = None
        self._closed = False

    async def enter(self) -> None:
        """Wait for the writer and begin an inner transaction; RuntimeError when this task has it already."""
        task = asyncio.current_task()
        if self._holder is not None and self._holder is task:
            raise RuntimeError("a transaction inside a transaction of the same task would wait for itself")
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        if self._busy:
            await self._wait_in_line()
        self._busy = True
        try:
            if self._group is None:
                self._connection.begin()
                loop = asyncio.get_running_loop()
                self._group = _Group(loop.time(), loop.create_future())
            self._connection.savepoint()
        except BaseException:
            self._hand_on()
            raise
        self._holder = task

    async def leave(self, wakes: Sequence[Wake]) -> None:
        """Keep what was written and return once it is durable; DatabaseUnavailable when the commit failed."""
        group = self._open_group()
        try:
            self._connection.release()
        except BaseException:
            self.abandon()
            raise
        group.members += 1
        group.wakes.extend(wakes)
        self._hand_on()
        await asyncio.shield(group.done)

    def abandon(self) -> None:
        """Undo what this transaction wrote, and nothing else."""
        group = self._open_group()
        try:
            self._connection.rollback_to_savepoint()
        except DatabaseUnavailable as error:
            self._lose(group, error)
        if not self._connection.in_transaction():
            self._lose(group, None)
        self._hand_on()

    async def close(self) -> None:
        """Let those in line finish, then take nobody in any more."""
        self._closed = True
        while self._busy:
            await self._wait_in_line()
            self._busy = True
            self._hand_on()

    def _open_group(self) -> _Group:
        assert self._group is not None, "only who entered can leave"
        return self._group

    async def _wait_in_line(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on()
            raise

    def _somebody_waits(self) -> bool:
        while self._queue and self._queue[0].done():
            self._queue.popleft()
        return bool(self._queue)

    def _next_in_line(self) -> None:
        if self._somebody_waits():
            self._queue.popleft().set_result(None)
        else:
            self._busy = False

    def _hand_on(self) -> None:
        """Give the writer to the next in line, or end the group first when nobody waits or it is full or old."""
        self._holder = None
        group = self._group
        if group is None:
            self._next_in_line()
            return
        age_s = asyncio.get_running_loop().time() - group.opened_s
        if self._somebody_waits() and group.members < MAX_GROUP and age_s < MAX_GROUP_AGE_S:
            self._next_in_line()
        elif group.members:
            self._committing = asyncio.get_running_loop().create_task(self._commit(group))
        else:
            self._group = None
            self._connection.rollback()
            self._next_in_line()

    async def _commit(self, group: _Group) -> None:
        """Commit for the group; its own task, so that no member's cancellation can break it off."""
        try:
            await self._connection.commit()
        except BaseException as error:
            self._lose(group, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._group = None
            group.done.set_result(None)
            self._committed(group.wakes)
        finally:
            self._next_in_line()

    def _lose(self, group: _Group, cause: BaseException | None) -> None:
        """Fail all members: what they wrote is gone."""
        if self._group is not group:
            return
        self._group = None
        if self._connection.in_transaction():
            self._connection.rollback()
        if group.members:
            # Readiness and the log show this: an operator must read there that the disk is full.
            why = f": {cause}" if isinstance(cause, DatabaseUnavailable) else ""
            failure = DatabaseUnavailable(f"the group's commit failed{why}")
            failure.__cause__ = cause
            group.done.set_exception(failure)
