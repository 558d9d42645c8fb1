"""The database port as a simulated process sees it: real stores on SQLite in memory, one session at a time.

A session of a process that died or stands still is broken off by its server: what it wrote is undone, its claims are
free. A broken connection may hide a commit that happened.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, MetaData

from shared.clock import Clock
from shared.db.group_commit import Wake
from shared.db.port import DatabaseUnavailable
from shared.db.sqlite import SqliteTx
from shared.db.sqlite_link import Link
from shared.db.wakes import Listener, Switchboard
from tests.support.simulator.process import Process

T = TypeVar("T")
_links: dict[str, tuple[Link, sqlite3.Connection]] = {}
"""One connection per service for all worlds of this process, whose statements stay compiled, and an empty database."""


class DatabaseServer:
    """One service's database."""

    def __init__(self, service: str, metadata: MetaData, clock: Clock) -> None:
        """Begin with empty tables."""
        self.clock, self.board = clock, Switchboard()
        self.turn = asyncio.Lock()
        self.claims: dict[str, Process] = {}
        self.session: Session | None = None
        self._positions: dict[tuple[str, str, int], int] = {}
        self.moved: list[str] = []
        """Stored positions that moved as they must not: back, or by the hand of another one than their owner."""
        if service not in _links:
            link = Link(":memory:", ("temp_store=MEMORY",))
            metadata.create_all(link.sql)
            empty = sqlite3.connect(":memory:", check_same_thread=False)
            link.driver.backup(empty)
            _links[service] = link, empty
        self.link, empty = _links[service]
        self.link.rollback()
        empty.backup(self.link.driver)

    def look(self, by: str) -> None:
        """Look at what a process has just committed: positions only move on, and only their owners move them."""
        for *place, offset, owner in self.rows("SELECT group_name, topic, partition, next_offset, owner FROM position"):
            group, topic, number = place
            before = self._positions.get((group, topic, number), 0)
            if offset < before or (offset > before and owner != by):
                self.moved.append(f"{group} of {topic}/{number} from {before} to {offset} of {owner} by {by}")
            self._positions[group, topic, number] = offset

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query finds, asked from outside; a session under way is seen as it is."""
        return self.link.driver.execute(sql).fetchall()

    def values(self, sql: str) -> list[Any]:
        """Return the first column of what a query finds."""
        return [row[0] for row in self.rows(sql)]

    def committed(self, sql: str) -> list[Any]:
        """Return the first column of what a query finds; nothing while a session may be undone."""
        return [] if self.session is not None else self.values(sql)

    def cut(self, process: Process) -> None:
        """Lose the connections to a process."""
        if self.session is not None and self.session.process is process:
            self.session.break_off()
        for name in [name for name, holder in self.claims.items() if holder is process]:
            del self.claims[name]


class Session(SqliteTx):
    """A transaction of a process."""

    def __init__(self, server: DatabaseServer, process: Process) -> None:
        """Begin; the turn is this session's already."""
        super().__init__(server.link, server.clock.now(), None)
        self.process, self._server, self._open, self._broken = process, server, True, False
        server.link.begin()
        server.session = self

    async def _step(self, link: Link, call: Callable[[], Any]) -> Any:
        await self._pass("statement")
        return await super()._step(link, call)

    async def _write_many(self, *written: Any) -> None:
        await self._pass("write")
        await super()._write_many(*written)

    async def _pass(self, place: str) -> None:
        await self.process.step(place, DatabaseUnavailable)
        self._check()

    def _check(self) -> None:
        if self._broken:
            raise DatabaseUnavailable("the server broke the connection off")

    def _open_link(self) -> Link:
        self._check()
        return super()._open_link()

    def break_off(self) -> None:
        """End it as the server does; whatever is asked of it then fails as a lost connection."""
        self._broken = True
        self.end()

    def commit(self) -> list[Wake]:
        """Make it durable; DatabaseUnavailable when the server has given the session up."""
        self._check()
        self._server.link.run("COMMIT")
        self._server.look(self.process.name)
        self._leave()
        return self.wakes

    def end(self) -> None:
        """Undo what is not committed, and let the next session in."""
        if self._open:
            self._server.link.rollback()
            self._leave()

    def _leave(self) -> None:
        self._open, self._link, self._server.session = False, None, None
        self._server.turn.release()


class SimulatedDatabase:
    """A `shared.db.port.Database` of one process."""

    dialect = "sqlite"

    def __init__(self, server: DatabaseServer, process: Process) -> None:
        """Nothing is open yet."""
        self._server, self._process = server, process

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Session]:
        """Open a transaction; leaving the block commits."""
        server, process = self._server, self._process
        await process.step("begin", DatabaseUnavailable)
        session = await self._begin()
        try:
            yield session
            await process.step("commit", DatabaseUnavailable, weight=3)
            wakes = session.commit()
        finally:
            session.end()
        server.board.deliver(wakes)
        await process.step("committed", DatabaseUnavailable, weight=3)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """Open a transaction that keeps nothing."""
        await self._process.step("begin to read", DatabaseUnavailable)
        session = await self._begin()
        try:
            yield session
        finally:
            session.end()

    async def _begin(self) -> Session:
        """Wait for the turn; a process that was stopped while it stood in line lets others pass."""
        await self._server.turn.acquire()
        while self._process.stopped:
            self._server.turn.release()
            await self._process.step("wait in line")
            await self._server.turn.acquire()
        return Session(self._server, self._process)

    @asynccontextmanager
    async def claim(self, name: str) -> AsyncIterator[bool]:
        """Try to hold a claim; it is lost without a word when the server loses the process."""
        await self._process.step("claim", DatabaseUnavailable)
        claims = self._server.claims
        held = claims.setdefault(name, self._process) is self._process
        try:
            yield held
        finally:
            if held and claims.get(name) is self._process:
                del claims[name]

    def listen(self, channel: str) -> Listener:
        """Listen to `wake`."""
        return self._server.board.listen(channel)

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Migrations: the tables are there already."""
        raise NotImplementedError

    async def check(self) -> str | None:
        """Say nothing against it."""
        return None

    async def close(self) -> None:
        """Let go of nothing: the world goes on."""
