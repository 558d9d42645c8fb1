"""Who may evaluate a book, and the loop that does it, on a real database."""

import asyncio
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from services.risk.evaluation import run as running
from services.risk.handlers.claim import let_go, take_over
from services.risk.handlers.fold import Scope
from services.risk.store.tables import EVALUATOR, MARK
from services.risk.workers import EvaluatorLoop
from shared.db.port import DatabaseUnavailable
from shared.db.sqlite import open_sqlite
from shared.log.lanes import lane_of
from shared.runtime.bell import Bell
from tests.risk.crisis import POLICY, begin, pay, revisions, told
from tests.risk.feed import (
    OWNER,
    PARTITIONS,
    SCOPE,
    AnyDatabase,
    Feed,
    apply_policy,
    charge_off,
    evaluate,
    fold,
    fold_one,
    new_clock,
    rows_of,
    small_book,
)
from tests.risk.truth import assert_true


async def test_only_the_owner_evaluates_and_a_zombie_writes_nothing(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await fold(database, feed)
    heir, zombie = Scope("heir", PARTITIONS), Scope(OWNER, PARTITIONS)
    async with database.transaction() as tx:
        await take_over(tx, lane_of("auto", PARTITIONS), heir)
    assert await evaluate(database, scope=zombie) is None
    assert await revisions(database) == []
    assert await evaluate(database, scope=heir) is not None
    assert len(await revisions(database)) == 1
    (row,) = await rows_of(database, select(EVALUATOR))
    assert (row.owner, row.epoch) == ("heir", 2)


async def test_whoever_is_still_assigned_the_lane_takes_the_book_back(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await fold(database, feed)
    lane, owner = lane_of("auto", PARTITIONS), Scope("owner", PARTITIONS)
    async with database.transaction() as tx:
        await take_over(tx, lane, owner)
        await take_over(tx, lane, Scope("zombie", PARTITIONS))
    assert await evaluate(database, scope=owner) is not None
    (row,) = await rows_of(database, select(EVALUATOR))
    assert (row.owner, row.epoch, len(await revisions(database))) == ("owner", 4, 1)
    let_go(lane, owner)
    async with database.transaction() as tx:
        await take_over(tx, lane, Scope("heir", PARTITIONS))
    assert await evaluate(database, scope=owner) is None


async def test_taking_over_another_lane_leaves_the_book_alone(database: AnyDatabase) -> None:
    await begin(database)
    async with database.transaction() as tx:
        await take_over(tx, 1 - lane_of("auto", PARTITIONS), Scope("heir", PARTITIONS))
    (row,) = await rows_of(database, select(EVALUATOR))
    assert (row.owner, row.epoch) == (OWNER, 1)


async def test_a_failed_evaluation_leaves_the_marks(database: AnyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await fold(database, feed)

    def broken(_name: str) -> None:
        raise RuntimeError("killed here")

    monkeypatch.setattr(running, "crash_point", broken)
    with pytest.raises(RuntimeError):
        await evaluate(database)
    assert await revisions(database) == []
    monkeypatch.undo()
    await evaluate(database)
    assert len(await revisions(database)) == 1
    assert await rows_of(database, select(MARK)) == []


async def test_many_marks_are_taken_in_turns(database: AnyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ORIGINS_MAX", 4)
    feed = Feed()
    small_book(feed)
    await apply_policy(database, POLICY)
    for month in ("2020-02", "2020-03"):
        pay(feed, f"{month}-15", range(3))
    await fold(database, feed, batch_records=3)
    feed.close("2020-03-31")
    await fold(database, feed)
    turns = 0
    while (done := await evaluate(database)) is not None and done.more:
        turns += 1
    assert turns > 1
    assert await rows_of(database, select(MARK)) == []
    assert ("opened", "red", "2020-02", False) in told(await revisions(database))


async def test_the_worker_evaluates_when_the_bell_rings_and_stops_when_told(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    bell, relay, stop = Bell(), Bell(), asyncio.Event()
    loop = EvaluatorLoop(database, SCOPE, bell, relay, poll_s=60.0, moved=set())
    task = asyncio.create_task(loop.run(stop))
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await fold(database, feed)
    bell.ring()
    assert await relay.wait(20.0), "the relay is woken for what the evaluation sends"
    assert told(await revisions(database)) == [("opened", "red", "2020-03", False)]
    stop.set()
    async with asyncio.timeout(20.0):
        await task


async def test_the_worker_is_woken_by_what_another_process_has_committed(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    relay, stop = Bell(), asyncio.Event()
    task = asyncio.create_task(EvaluatorLoop(database, SCOPE, Bell(), relay, poll_s=0.2, moved=set()).run(stop))
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await fold(database, feed)
    assert await relay.wait(20.0)
    stop.set()
    async with asyncio.timeout(20.0):
        await task


async def test_lanes_fold_while_the_evaluator_rates(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=20)
    await apply_policy(database, POLICY)
    for month in range(2, 8):
        pay(feed, f"2020-{month:02d}-15", range(month, 20))
        feed.close(f"2020-{month:02d}-28")
    charge_off(feed, "l3", "c3", "2020-07-20")
    feed.close("2020-08-31")
    lanes: list[list[Any]] = [[], []]
    for batch in feed.pending(batch_records=12):
        lanes[batch.partition].append(batch)

    async def fold_lane(batches: list[Any]) -> None:
        for batch in batches:
            await fold_one(database, batch)

    bell, stop = Bell(), asyncio.Event()
    loop = asyncio.create_task(EvaluatorLoop(database, SCOPE, bell, Bell(), poll_s=0.05, moved=set()).run(stop))
    async with asyncio.timeout(60.0):
        await asyncio.gather(*(fold_lane(batches) for batches in lanes))
        while await rows_of(database, select(MARK)):
            bell.ring()
            await asyncio.sleep(0.01)
        stop.set()
        await loop
    await assert_true(database)
    (row,) = await rows_of(database, select(EVALUATOR))
    assert row.evaluated_through == date(2020, 8, 31).toordinal()
    assert row.feed == len(await revisions(database))


async def test_a_database_that_is_not_migrated_yet_is_waited_for() -> None:
    empty = open_sqlite(None, new_clock())
    try:
        loop = EvaluatorLoop(empty, SCOPE, Bell(), Bell(), poll_s=60.0, moved=set())
        with pytest.raises(DatabaseUnavailable, match="not migrated"):
            await loop.evaluate_all()
    finally:
        await empty.close()
