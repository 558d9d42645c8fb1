"""Intake and risk on real stores in memory, in one thread, stepped by hand: what the fuzzer fires at."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import services.intake.app
import services.risk.app
from services.intake.settings import IntakeSettings
from services.risk.evaluation.run import evaluate_book
from services.risk.handlers.fold import Scope
from services.risk.settings import RiskSettings
from shared.clock import FrozenClock
from shared.db.sqlite import SqliteDatabase, open_sqlite
from shared.log.port import Partition, Reader
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


class Life:
    """One process of one service: its loops and its relay."""

    def __init__(self, world: "World", name: str) -> None:
        self.owner = name
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
        """Nothing: lives end with their world."""

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
        self.intake: Life
        self.risk: Life

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
        self.intake, self.risk = Life(self, "intake"), Life(self, "risk")
        await self.intake.start()
        await self.risk.start()
        answer = await self.ask("POST", "/intake/v1/books", small_book.OPENING)
        assert answer in (200, 201)
        assert await self.ask("POST", "/risk/v1/policies", {"text": small_book.POLICY}) == 201

    async def ask(self, method: str, path: str, body: Any) -> int:
        """Send a request; return the status."""
        app = make_app([self.intake.service, self.risk.service], self.keys, self.health, "fuzzed")
        async with client_of(app, self.secret) as client:
            answer = await client.request(method, path, json=body)
        return answer.status_code

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

    async def _evaluate(self) -> bool:
        scope = Scope(self.risk.owner, PARTITIONS, lanes=set(range(PARTITIONS)))
        async with self.databases["risk"].transaction(snapshot=True) as tx:
            done = await evaluate_book(tx, small_book.BOOK, scope)
        return bool(done and (done.marks or done.values or done.revisions))

    async def close(self) -> None:
        """Let go of the databases."""
        for database in self.databases.values():
            await database.close()
        await self.log.close()
