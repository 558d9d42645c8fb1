"""A seeded simulator: the real services on real stores in memory, in one thread, disturbed at the places that matter.

The seed decides the order in which facts come, what comes twice, who runs next, how much it takes, where it crashes,
and which owner comes back from the dead. After the disturbance everything runs undisturbed to its end; then the
counters, the final values and the standing alerts must be those of a run that was never disturbed (D14).
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import func, select

import services.intake.app
import services.risk.app
from services.intake.settings import IntakeSettings
from services.risk.domain.course import Episode
from services.risk.evaluation.run import evaluate_book
from services.risk.handlers.fold import Scope
from services.risk.settings import RiskSettings
from services.risk.store import tables
from shared import crashpoint
from shared.clock import FrozenClock
from shared.db import outbox
from shared.db.sqlite import SqliteDatabase, open_sqlite
from shared.log.port import Outgoing, Partition, Reader
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.partition import PartitionLoop
from shared.runtime.platform import create_topics
from shared.runtime.relay import Relay
from shared.runtime.service import Limits, Platform, Service
from shared.security.keys import KeyRing
from tests.support import small_book
from tests.support.asgi import client_of

PARTITIONS = 2
LIMITS = Limits(batch_records=50, retry_delay_s=0.0, retry_delay_max_s=0.0)
CRASH_SHARE = 0.1


class Crash(BaseException):
    """The simulated end of a process."""


class Life:
    """One process of one service: its loops and its relay; a crash leaves it behind."""

    def __init__(self, world: "World", name: str, number: int) -> None:
        self.owner = f"{name}-{number}"
        self.platform = Platform(world.log, world.clock, PARTITIONS, self.owner, LIMITS)
        self.service: Service = world.build(name, self.platform)
        self.relay = Relay(self.service, world.log, PARTITIONS, LIMITS, world.health)
        self.lanes = [Partition(topic, lane) for topic in self.service.publishes for lane in range(PARTITIONS)]
        self.loops: dict[Partition, PartitionLoop] = {}
        self.reader: Reader | None = None
        self._world = world

    async def start(self) -> None:
        """Join the log and claim every partition."""
        topics = [one.topic for one in self.service.subscriptions]
        self.reader = self._world.log.reader(self.owner, topics, self._assigned, self._revoked)
        await self.reader.start()

    async def _assigned(self, partitions: Sequence[Partition]) -> None:
        assert self.reader is not None
        subscriptions = {one.topic: one for one in self.service.subscriptions}
        for partition in partitions:
            loop = PartitionLoop(
                self.service,
                subscriptions[partition.topic],
                partition,
                self.reader,
                self.owner,
                LIMITS,
                self._world.health,
            )
            await loop.claim(self._world.stop)
            self.loops[partition] = loop

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        """Nothing: lives end by crashing."""

    async def consume(self, most: int) -> int:
        """Read and digest one round of at most so many records."""
        assert self.reader is not None
        batches = await self.reader.read_batch(most, 0.0)
        for partition, records in batches.items():
            await self.loops[partition].digest(records, self._world.stop)
        return sum(len(records) for records in batches.values())


class World:
    """Intake and risk, a log, a clock, and the dice."""

    def __init__(self, seed: int, keys: KeyRing, secret: str) -> None:
        self.keys, self.secret = keys, secret
        self.dice = random.Random(seed)
        self.clock = FrozenClock(datetime(2024, 1, 1, tzinfo=UTC))
        self.log = open_sqlite_log(None, self.clock)
        self.databases: dict[str, SqliteDatabase] = {name: open_sqlite(None, self.clock) for name in ("intake", "risk")}
        self.health, self.stop = Health(), asyncio.Event()
        self.crashing = False
        self.crashes: dict[str, int] = {}
        self._lives = 0
        self.intake: Life
        self.risk: Life
        self.zombies: list[Life] = []

    def build(self, name: str, platform: Platform) -> Service:
        """Compose a service of this world."""
        if name == "intake":
            return services.intake.app.build(IntakeSettings(), platform, self.databases[name])
        return services.risk.app.build(RiskSettings(), platform, self.databases[name])

    async def begin(self) -> None:
        """Make the tables and topics, start both services, open the book, apply the policy."""
        await self.databases["intake"].run_sync(services.intake.app.METADATA.create_all)
        await self.databases["risk"].run_sync(services.risk.app.METADATA.create_all)
        await create_topics(self.log, PARTITIONS)
        self.intake, self.risk = await self._live("intake"), await self._live("risk")
        answer = await self.ask("POST", "/intake/v1/books", small_book.OPENING)
        assert answer in (200, 201)
        assert await self.ask("POST", "/risk/v1/policies", {"text": small_book.POLICY}) == 201

    async def _live(self, name: str) -> Life:
        self._lives += 1
        life = Life(self, name, self._lives)
        await life.start()
        return life

    async def ask(self, method: str, path: str, body: Any) -> int:
        """Send a request to the services of now; return the status."""
        app = make_app([self.intake.service, self.risk.service], self.keys, self.health, "simulated")
        async with client_of(app, self.secret) as client:
            answer = await client.request(method, path, json=body)
        return answer.status_code

    async def disturb(self, facts: Sequence[dict[str, Any]], closes: Sequence[dict[str, Any]]) -> None:
        """Let everything happen in an order that the dice decide, with crashes and repeats."""
        todo = list(facts)
        self.dice.shuffle(todo)
        todo += self.dice.sample(todo, len(todo) // 10)
        days = list(closes)
        crashpoint.watcher = self._maybe_crash
        self.crashing = True
        try:
            while todo or days:
                await self._survive(lambda: self._step(todo, days))
        finally:
            self.crashing = False
            crashpoint.watcher = None
        await self.settle()

    async def _step(self, todo: list[dict[str, Any]], days: list[dict[str, Any]]) -> None:
        action = self.dice.random()
        if action < 0.25 and todo:
            size = self.dice.randint(1, 25)
            await self._send([todo.pop() for _ in range(min(size, len(todo)))])
        elif action < 0.30 and days:
            # A close that a crash cut off is sent again, as its sender would.
            assert await self.ask("POST", f"/intake/v1/books/{small_book.BOOK}/closes", days[0]) in (200, 201)
            days.pop(0)
        elif action < 0.55:
            life = self.dice.choice([self.intake, self.risk, *self.zombies[-1:]])
            await life.consume(self.dice.randint(1, 40))
        elif action < 0.80:
            life = self.dice.choice([self.intake, self.risk])
            await life.relay.send_once(self.dice.choice(life.lanes))
        else:
            await self._evaluate()
        self.clock.advance(1.0)

    async def _send(self, facts: Sequence[dict[str, Any]]) -> None:
        """Put foreign facts on the log, as CloudEvents in structured mode, on any partition (D9)."""
        headers = (("content-type", b"application/cloudevents+json"),)
        records = [
            Outgoing("tocsin.facts", self.dice.randrange(PARTITIONS), b"", headers, json.dumps(fact).encode())
            for fact in facts
        ]
        await self.log.append(records, 1.0)

    async def _evaluate(self) -> bool:
        scope = Scope(self.risk.owner, PARTITIONS, lanes=set(range(PARTITIONS)))
        async with self.databases["risk"].transaction(snapshot=True) as tx:
            done = await evaluate_book(tx, small_book.BOOK, scope)
        return bool(done and (done.marks or done.values or done.revisions))

    def _maybe_crash(self, point: str) -> None:
        if self.crashing and self.dice.random() < CRASH_SHARE:
            self.crashes[point] = self.crashes.get(point, 0) + 1
            raise Crash(point)

    async def _survive(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step; after a crash a new life begins, and the old one may come back as a zombie."""
        try:
            await step()
        except (Crash, BaseExceptionGroup) as error:
            if not isinstance(error, Crash) and error.split(Crash)[1] is not None:
                raise
            crashing, self.crashing = self.crashing, False
            self.zombies.append(self.risk)
            self.intake, self.risk = await self._live("intake"), await self._live("risk")
            self.crashing = crashing

    async def settle(self) -> None:
        """Run until nothing is left to do; AssertionError when that never happens."""
        for _ in range(2_000):
            busy = await self.intake.consume(50) + await self.risk.consume(50)
            for life in (self.intake, self.risk):
                for lane in life.lanes:
                    busy += await life.relay.send_once(lane)
            if not busy and not await self._evaluate():
                return
        raise AssertionError("the lag never returns to zero")

    async def ending(self) -> dict[str, Any]:
        """Return what must not depend on any disturbance."""
        counter, tally, values = tables.COUNTER.c, tables.TALLY.c, tables.INDICATOR_VALUE.c
        async with self.databases["risk"].read() as tx:
            key = (tally.segment, tally.measure, counter.day, tally.currency)
            sums = select(*key, func.sum(counter.value)).join(tables.COUNTER, counter.tally == tally.id)
            counted = await tx.rows(sums.group_by(*key).order_by(*key))
            published = await tx.rows(select(tables.INDICATOR_VALUE).order_by(values.revision))
            alerts = await tx.rows(select(tables.ALERT))
            facts = await tx.rows(select(tables.LEDGER.c.event_id))
        async with self.databases["intake"].read() as tx:
            unsent = await outbox.backlog(tx, self.intake.service.house)
        latest = {
            (row.indicator, row.basis, row.currency, row.period_kind, row.segment, row.period): (
                row.numerator,
                row.denominator,
            )
            for row in published
        }
        return {
            "ledger": sorted(row.event_id for row in facts),
            "counters": [tuple(row) for row in counted if row[-1]],
            "values": latest,
            "alerts": sorted(
                (row.indicator, row.basis, row.segment, row.state, _course(row))
                for row in alerts
                if row.state != "withdrawn"
            ),
            "unsent": unsent,
        }

    async def close(self) -> None:
        """Let go of the databases."""
        for database in self.databases.values():
            await database.close()
        await self.log.close()


def _course(row: Any) -> list[tuple[int, str]]:
    """Return the level of each period of an alert, from its opening to its close."""
    episode = msgspec.msgpack.decode(row.course, type=Episode)
    periods = [*episode.periods, *([episode.closing] if episode.closing else [])]
    return [(entry.period, str(entry.level)) for entry in periods]
