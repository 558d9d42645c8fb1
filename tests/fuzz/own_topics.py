"""Our own topics with damaged messages in them: a service alone, fed by hand."""

import asyncio
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import MetaData, select

from shared.clock import FrozenClock
from shared.db.port import Database
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from shared.events import CATALOGUE
from shared.events.base import Message, Topic
from shared.events.envelope import Envelope, to_headers
from shared.events.examples import example_of
from shared.events.intake import BookOpened
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.log.port import Outgoing, Partition, Reader
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.partition import PartitionLoop
from shared.runtime.platform import create_topics
from shared.runtime.service import Limits, Platform, Service
from tests.fuzz import hostile
from tests.risk.truth import kept_cells
from tests.support.databases import AnyDatabase

PARTITIONS = 1
"""So that hostile messages are never most of a partition's: then it stops, as it should."""
FUZZED = "fuzzed"
LIMITS = Limits(batch_records=20, retry_delay_s=0.0, retry_delay_max_s=0.0)
_REPLACEMENT = ("tocsin.fact.corrected.v1", "body")
"""The example replaces a milestone's report; here the first repayment is annulled."""
_BOOKKEEPING = frozenset(("dead_letter", "mark", "tally", "folded"))
"""Tables that tell when and how something was digested, not what came of it."""
Build = Callable[[Platform, Database], Service]


class Fed:
    """A service on a database of its own, and the topics that it reads."""

    def __init__(self, build: Build, metadata: MetaData, dsn: str | None = None) -> None:
        """Without a `dsn` the database is in memory."""
        clock = FrozenClock(datetime(2024, 7, 1, tzinfo=UTC))
        self.metadata = metadata
        self.log = open_sqlite_log(None, clock)
        self.database: AnyDatabase = open_postgres(dsn, 4, clock=clock) if dsn else open_sqlite(None, clock)
        self.service = build(Platform(self.log, clock, PARTITIONS, "fed", LIMITS), self.database)
        self.health, self._stop = Health(), asyncio.Event()
        self.loops: dict[Partition, PartitionLoop] = {}
        self._reader: Reader

    async def begin(self) -> None:
        """Make tables and topics, and claim every partition."""
        await self.database.run_sync(self.metadata.create_all)
        await create_topics(self.log, PARTITIONS)
        topics = [one.topic for one in self.service.subscriptions]
        self._reader = self.log.reader("fed", topics, self._assigned, self._revoked)
        await self._reader.start()

    async def _assigned(self, partitions: Sequence[Partition]) -> None:
        subscriptions = {one.topic: one for one in self.service.subscriptions}
        for place in partitions:
            about = (self.service, subscriptions[place.topic], place, self._reader, "fed", LIMITS, self.health)
            self.loops[place] = PartitionLoop(*about)
            await self.loops[place].claim(self._stop)

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        """Nothing: one member has all of them."""

    async def feed(self, records: Sequence[Outgoing]) -> None:
        """Write records and digest them to the end; TimeoutError when a partition stands."""
        await self.log.append(records, 10.0)
        async with asyncio.timeout(30):
            while batches := await self._reader.read_batch(LIMITS.batch_records, 0.0):
                for place, found in batches.items():
                    await self.loops[place].digest(found, self._stop)

    async def rows_about(self, book: str) -> dict[str, Any]:
        """Return what is kept about a book, but for where and when it was read, and what is still to be done."""
        found: dict[str, Any] = {}
        if "tally" in self.metadata.tables:
            found["counters"] = await kept_cells(self.database, book)
        async with self.database.read() as tx:
            for table in self.metadata.sorted_tables:
                if "book" in table.c and table.name not in _BOOKKEEPING:
                    columns = [one for one in table.c if one.name not in ("offset", "origin", "id", "salt")]
                    rows = await tx.rows(select(*columns).where(table.c.book == book))
                    found[table.name] = sorted(map(tuple, rows), key=repr)
        return found

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()
        await self.log.close()


def valid_records(service: Service, repeats: int) -> list[Outgoing]:
    """Return all examples of the topics that a service reads, each several times: as itself, and as another one."""
    read = {one.topic for one in service.subscriptions}
    kinds = [kind for kind in CATALOGUE if kind.topic in read]
    opening = [_record(BookOpened, lane, f"open {lane}") for lane in range(PARTITIONS) if Topic.INTAKE in read]
    numbered = [(number, kind) for number in range(repeats) for kind in kinds if kind is not BookOpened]
    return opening + [_record(kind, None, f"{kind.type} {number // 2}") for number, kind in numbered]


def hostile_record(dice: random.Random, service: Service) -> Outgoing:
    """Return a message of one of the topics that a service reads with something wrong in it, of another book."""
    read = {one.topic for one in service.subscriptions}
    kind = dice.choice([kind for kind in CATALOGUE if kind.topic in read])
    ids = {name: hashed_id(dice.randrange(20)) for name in ("alert", "survey", "request")}
    names = {name: f"x{dice.randrange(5)}" for name in ("client", "loan", "project", "into")}
    renamed = {**ids, **names, "book": FUZZED}
    data: Any = {name: renamed.get(name, value) for name, value in deepcopy(example_of(kind.type)).items()}
    data = hostile.spoiled(dice, {"data": data}).get("data") if dice.random() < 0.7 else data
    whole = _record(kind, dice.randrange(PARTITIONS), f"hostile {dice.randrange(500)}", FUZZED)
    headers, value = list(whole.headers), hostile.encoded(data)
    if dice.random() < 0.2:
        place = dice.randrange(len(headers))
        wrong = dice.choice((b"", b"\xff\xfe", b"\x00", b"x" * 100_000, b"9999-12-31T23:59:59-14:00", b"2023"))
        headers[place : place + 1] = dice.choice(([], [(headers[place][0], wrong)], [headers[place]] * 2))
    if dice.random() < 0.15:
        value = hostile.torn(dice, value)
    key = dice.choice((whole.key, b"", b"\xff\xff"))
    return whole._replace(headers=tuple(headers), value=value, key=key)


def _record(kind: type[Message], lane: int | None, name: str, book: str = "auto") -> Outgoing:
    data = {name: value for name, value in example_of(kind.type).items() if (kind.type, name) != _REPLACEMENT}
    data |= {"book": book} if "book" in data else {}
    client = str(data.get("client", "c-1"))
    envelope = Envelope(
        id=hashed_id(name),
        source="tests",
        type=kind.type,
        time=datetime(2024, 6, 30, tzinfo=UTC),
        book=book,
        client=client,
        target=hashed_id("tocsin.repayment.received.v1 0" if book != FUZZED else "hostile 0"),
    )
    key = f"{book}/{client}"
    partition = lane_of(key, PARTITIONS) if lane is None else lane
    return Outgoing(kind.topic, partition, key.encode(), to_headers(envelope), msgspec.json.encode(data))
