"""Facts that are posted by themselves at the same moment go in together (D23).

A transaction and its durable commit cost about the same for one fact and for a hundred: while one is under way, those
that come wait for it and then share the next. Nobody waits for company: a fact that finds nothing under way goes at
once. Each is answered after the commit that made it durable.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from typing import NamedTuple

from services.intake.handlers.accept import accept_facts
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import IncomingFact
from services.intake.handlers.outcomes import Outcome
from shared import telemetry
from shared.clock import Clock
from shared.crashpoint import crash_point
from shared.db.port import Database, DatabaseUnavailable
from shared.runtime.bell import Bell


class _Post(NamedTuple):
    """One fact, and who waits to hear what became of it."""

    fact: IncomingFact
    told: asyncio.Future[Outcome]


class Together:
    """Takes facts of many requests in, in the order of their arrival."""

    def __init__(self, database: Database, desk: Desk, clock: Clock, bell: Bell, facts_max: int) -> None:
        """At most `facts_max` share a transaction; `bell` is rung after each."""
        self._database, self._desk, self._clock, self._bell = database, desk, clock, bell
        self._facts_max = facts_max
        self._waiting: deque[_Post] = deque()
        self._work: asyncio.Task[None] | None = None

    async def take(self, fact: IncomingFact) -> Outcome:
        """Take a fact in and return what became of it, once that is durable; DatabaseUnavailable when it may not be."""
        fact.traceparent = telemetry.traceparent()
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Post(fact, told))
        if self._work is None:
            # In a context of its own: the work belongs to many requests.
            self._work = asyncio.create_task(self._take_all(), name="intake together", context=Context())
        return await told

    async def _take_all(self) -> None:
        try:
            with telemetry.within("intake"):
                while self._waiting:
                    await self._settle(self._next())
        finally:
            self._work = None

    def _next(self) -> list[_Post]:
        """Return the next posts; one whose id is among them already waits to see what became of the first."""
        posts: dict[str, _Post] = {}
        while self._waiting and len(posts) < self._facts_max and self._waiting[0].fact.event_id not in posts:
            post = self._waiting.popleft()
            posts[post.fact.event_id] = post
        return list(posts.values())

    async def _settle(self, posts: Sequence[_Post]) -> None:
        """Take posts in and tell each sender; what one of them breaks is that one's own fault."""
        try:
            outcomes = await self._accept([post.fact for post in posts])
        except DatabaseUnavailable as error:
            for post in posts:
                _fail(post, type(error)(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, its sender gets it, and the others are tried again
            if len(posts) == 1:
                _fail(posts[0], error)
                return
            for post in posts:
                await self._settle([post])
        except BaseException:
            # The process ends: nobody is told anything.
            for post in posts:
                post.told.cancel()
            raise
        else:
            for post, outcome in zip(posts, outcomes, strict=True):
                if not post.told.done():
                    post.told.set_result(outcome)

    async def _accept(self, facts: Sequence[IncomingFact]) -> list[Outcome]:
        with telemetry.span("take facts", origins=[fact.traceparent for fact in facts], facts=len(facts)):
            async with self._database.transaction() as tx:
                await self._desk.take_room(tx, len(facts))
                outcomes = await accept_facts(tx, self._desk, facts, self._clock.now())
                crash_point("intake.before_commit")
            crash_point("intake.after_commit")
        self._bell.ring()
        return outcomes


def _fail(post: _Post, error: Exception) -> None:
    if not post.told.done():
        post.told.set_exception(error)
