"""When too much waits for the log, intake takes nothing more, stores nothing, and goes on by itself."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select, text

from services.intake.store.tables import HOUSE, METADATA
from shared.clock import FrozenClock
from shared.db import outbox, positions
from shared.db.house import HouseTables
from shared.db.port import DatabaseUnavailable, Tx
from shared.db.room import OutboxFull, Room
from shared.db.sqlite import SqliteDatabase, open_sqlite
from shared.events.base import Topic
from shared.log.port import Outgoing, Partition
from shared.log.sqlite import SqliteLog, open_sqlite_log
from shared.runtime.backoff import rest
from shared.runtime.consume import Consumer
from shared.runtime.health import Health
from shared.runtime.platform import create_topics
from shared.runtime.relay import Relay, measure_outbox
from shared.runtime.service import Limits
from tests.intake.house import PARTITIONS, House, client, loan, repayment, structured

LIMITS = Limits(retry_delay_s=0.01, retry_delay_max_s=0.02)
ONE = {"content-type": "application/cloudevents+json"}
LINES = {"content-type": "application/x-ndjson"}


async def everything(house: House) -> list[Any]:
    """Every row of every table."""
    async with house.database.read() as tx:
        return [list(await tx.rows(select(table))) for table in METADATA.sorted_tables]


async def fill(house: House, folder: Path, **settings: Any) -> House:
    """Intake whose outbox is full: with the book's copies for each lane, a client and a loan."""
    await house.open_book()
    await house.take(client(), loan())
    return House(house.database, house.clock, folder / "full", outbox_rows_max=PARTITIONS + 2, **settings)


async def drain(house: House, log: SqliteLog) -> None:
    """Send all that waits."""
    relay = Relay(house.service, log, PARTITIONS, LIMITS, Health())
    for topic in (Topic.INTAKE, Topic.CONTACTS):
        for lane in range(PARTITIONS):
            while await relay.send_once(Partition(topic, lane)):
                pass
    await measure_outbox(house.service, house.clock)


def lines(count: int) -> bytes:
    """Repayments, one a line."""
    return b"\n".join(msgspec.json.encode(repayment(f"P{number}")) for number in range(count))


REQUESTS: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
    "one": ("POST", "/facts", msgspec.json.encode(repayment()), ONE),
    "under a key": ("POST", "/facts", msgspec.json.encode(repayment()), {**ONE, "idempotency-key": "k1"}),
    "many": ("POST", "/facts", lines(3), LINES),
    "a close": ("POST", "/books/auto/closes", b'{"day": "2020-02-28"}', {}),
    "a contact": ("PUT", "/clients/C1/contact", b'{"book": "auto", "language": "en", "name": "Ann (synthetic)"}', {}),
}


@pytest.mark.parametrize("request_of", REQUESTS)
async def test_a_full_outbox_is_a_503_with_nothing_stored_until_the_relay_has_caught_up(
    house: House, tmp_path: Path, request_of: str
) -> None:
    method, path, content, headers = REQUESTS[request_of]
    headers = {"content-type": "application/json", **headers}
    full = await fill(house, tmp_path, transaction_facts=1)
    before = await everything(full)
    refused = await full.client.request(method, f"/intake/v1{path}", content=content, headers=headers)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5"), refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"].endswith("/outbox-full")
    assert await everything(full) == before

    log = open_sqlite_log(None)
    await create_topics(log, PARTITIONS)
    await drain(full, log)
    taken = await full.client.request(method, f"/intake/v1{path}", content=content, headers=headers)
    assert taken.status_code in (200, 201), taken.text
    assert await everything(full) != before
    await log.close()


async def test_on_the_topic_the_partition_waits_instead_and_goes_on_by_itself(house: House, tmp_path: Path) -> None:
    full = await fill(house, tmp_path)
    log = open_sqlite_log(None)
    await create_topics(log, PARTITIONS)
    fact = structured(repayment())
    await log.append([Outgoing(Topic.FACTS, 0, b"", fact.headers, fact.value)], 5)
    before, health, stop = await full.ledger(), Health(), asyncio.Event()

    async def position() -> int:
        async with full.database.read() as tx:
            return (await positions.stored(tx, HOUSE, "intake", Topic.FACTS)).get(0, 0)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(Consumer(full.service, log, "test", LIMITS, health).run(stop))
        reasons: dict[str, str] = {}
        while not reasons:
            await rest(stop, 0.01)
            reasons = {name: why for name, why in (await health.reasons()).items() if "partition" in name}
        assert reasons == {
            f"intake partition {Topic.FACTS}/0": f"{PARTITIONS + 2} messages wait for the log; nothing more is taken "
            "before it takes them"
        }
        assert (await position(), await full.ledger()) == (0, before)
        await drain(full, log)
        while await position() == 0:
            await full.service.wake_relay.wait(0.05)
        stop.set()
    assert await full.ledger() == before | {"P1"}
    assert not await full.quarantined(), "it was no fault of the fact"
    await log.close()


class Counted(Room):
    """A room that tells how often it was counted."""

    counts = 0

    async def _count(self, tx: Tx, house: HouseTables) -> int:
        self.counts += 1
        return await super()._count(tx, house)


async def test_an_outbox_is_counted_when_its_room_is_used_up_and_a_full_one_once_a_second() -> None:
    clock = FrozenClock(datetime(2024, 3, 1, tzinfo=UTC))
    database = open_sqlite(None, clock)
    await database.run_sync(METADATA.create_all)

    async def take(room: Room, rows: int = 1) -> None:
        async with database.transaction() as tx:
            await room.take(tx, HOUSE, rows)

    async with database.transaction() as tx:
        await outbox.put(tx, HOUSE, [outbox.OutboxRow(str(one), "t", 0, "k", (), b"") for one in range(3)])
    room = Counted(103)
    for _ in range(100):
        await take(room)
    assert room.counts == 1
    await take(room, 50)
    assert room.counts == 2, "nothing was stored: there is room again, even if this may go over the bound"
    full = Counted(3)
    for counts in (1, 2):
        for _ in range(3):
            with pytest.raises(OutboxFull):
                await take(full)
        assert full.counts == counts
        clock.advance(1)
    full.counted(2)
    await take(full)
    assert full.counts == 2, "whoever measures has counted it"
    await database.close()


_NO_SPACE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


async def fill_disk(house: House) -> None:
    """Let the database say that the disk is full: SQLite by a bound on its file, PostgreSQL by that very error."""
    database = house.database
    if isinstance(database, SqliteDatabase):
        database._writer.run("PRAGMA max_page_count = 1")
    else:
        for statement in (_NO_SPACE, "CREATE TRIGGER no_space BEFORE INSERT ON ledger EXECUTE FUNCTION no_space()"):
            await database.run_sync(partial(Connection.execute, statement=text(statement)))


async def free_disk(house: House) -> None:
    """Make room again."""
    database = house.database
    if isinstance(database, SqliteDatabase):
        database._writer.run("PRAGMA max_page_count = 1000000")
    else:
        await database.run_sync(partial(Connection.execute, statement=text("DROP TRIGGER no_space ON ledger")))


async def test_a_full_disk_is_a_503_with_nothing_stored_and_no_fault_of_the_facts(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan())
    before = await everything(house)
    await fill_disk(house)
    refused = await house.client.post("/intake/v1/facts", content=lines(500), headers=LINES)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), refused.text
    assert await everything(house) == before
    with pytest.raises(DatabaseUnavailable, match=r"full|No space"):
        await house.consume(*(structured(repayment(f"P{number}"), number) for number in range(500)))
    assert await everything(house) == before
    await free_disk(house)
    taken = await house.client.post("/intake/v1/facts", content=lines(500), headers=LINES)
    assert taken.json()["accepted"] == 500
