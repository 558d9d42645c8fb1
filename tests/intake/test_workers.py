"""Housekeeping: lanes are held, old idempotency keys go, and a process with other lanes stops."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from services.intake.handlers.desk import Desk
from services.intake.store.tables import HOUSE
from services.intake.workers import Housekeeping, Measuring
from shared.db.lanes import PartitionsChanged
from shared.db.port import Tx
from shared.db.sqlite import open_sqlite
from tests.intake.house import BOOK, BOUNDS, PARTITIONS, House, repayment


async def test_idempotency_keys_go_after_a_day(house: House) -> None:
    worker = Housekeeping(house.database, house.desk, house.clock)
    await house.post("/books", BOOK, **{"Idempotency-Key": "k"})
    async with house.database.transaction() as tx:
        assert await worker.tick(tx) == 0
    house.clock.advance(25 * 3_600)
    async with house.database.transaction() as tx:
        assert await worker.tick(tx) == 1


async def test_another_number_of_lanes_stops_the_process(house: House) -> None:
    await house.open_book()
    other = Desk(HOUSE, BOUNDS, PARTITIONS + 1)
    with pytest.raises(PartitionsChanged):
        await Housekeeping(house.database, other, house.clock).run(asyncio.Event())
    (subscription,) = house.service.subscriptions
    assert subscription.claimed is not None
    async with house.database.transaction() as tx:
        await subscription.claimed(tx, 0, 1)


async def test_it_waits_for_a_database_that_is_not_migrated(house: House) -> None:
    database, stop, tried = open_sqlite(None), asyncio.Event(), asyncio.Event()

    class Watched(Housekeeping):
        async def tick(self, tx: Tx) -> int:
            tried.set()
            return await super().tick(tx)

    running = asyncio.create_task(Watched(database, Desk(HOUSE, BOUNDS, PARTITIONS), house.clock).run(stop))
    await tried.wait()
    stop.set()
    await running
    await database.close()


async def test_what_is_held_is_told_by_state_and_age(house: House) -> None:
    def told(measure: str) -> dict[str, float | None]:
        return {state: REGISTRY.get_sample_value(measure, {"state": state}) for state in ("waiting", "quarantined")}

    await house.open_book()
    await house.take(repayment())
    house.clock.advance(60)
    async with house.database.read() as tx:
        await Measuring(house.database, house.clock).tick(tx)
    assert told("tocsin_intake_quarantine_facts") == {"waiting": 1, "quarantined": 0}
    assert told("tocsin_intake_quarantine_oldest_seconds") == {"waiting": 60, "quarantined": 0}
