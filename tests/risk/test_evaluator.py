"""The evaluator on a real database: what is published, what rings, what is taken back, and who may decide it."""

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from services.risk.evaluation import run as running
from services.risk.evaluation.acknowledging import Verdict, acknowledge_alert
from services.risk.evaluation.revisions import Kept, decode_kept
from services.risk.handlers.claim import let_go, take_over
from services.risk.handlers.fold import Scope
from services.risk.store.tables import ALERT, ALERT_REVISION, EVALUATOR, HOUSE, INDICATOR_VALUE, MARK
from services.risk.workers import EvaluatorLoop
from shared.db.port import DatabaseUnavailable
from shared.db.sqlite import open_sqlite
from shared.events import facts
from shared.events.envelope import from_headers
from shared.events.risk import AlertRevised
from shared.kernel.days import parse_month
from shared.log.lanes import lane_of
from shared.runtime.bell import Bell
from tests.risk.feed import (
    OWNER,
    PARTITIONS,
    SCOPE,
    AnyDatabase,
    Feed,
    apply_policy,
    at,
    charge_off,
    disburse,
    evaluate,
    fold,
    fold_one,
    new_clock,
    register,
    repay,
    rows_of,
    settle,
    small_book,
)
from tests.risk.truth import assert_true

POLICY = """
policy: demo
books:
  auto:
    - {id: missed, indicator: missed_payment_rate, segments: portfolio, owner: officer, drivers: [region],
       amber: {enter: 30 %, leave: 20 %}, red: {enter: 60 %, leave: 40 %}}
    - {id: gone, indicator: charge_off_rate, segments: portfolio, owner: manager, amber: {enter: 10 %, leave: 5 %}}
"""
DAILY = """
policy: daily
books:
  auto:
    - {id: late, indicator: par30, segments: portfolio, period: day, owner: officer, red: {enter: 25 %, leave: 20 %}}
"""


async def begin(database: AnyDatabase, *texts: str) -> Feed:
    """A small book under policies, January and February paid in full and closed."""
    feed = Feed()
    small_book(feed)
    for text in texts:
        await apply_policy(database, text)
    feed.close("2020-01-31")
    pay(feed, "2020-02-15", range(10))
    feed.close("2020-02-29")
    await settle(database, feed)
    return feed


def pay(feed: Feed, day: str, loans: Any, known: str = "") -> None:
    """Some loans pay an instalment."""
    for number in loans:
        repay(feed, f"l{number}", f"c{number}", day, known=known)


async def revisions(database: AnyDatabase) -> list[Kept]:
    """All revisions in the order of decision."""
    rows = await rows_of(database, select(ALERT_REVISION.c.body).order_by(ALERT_REVISION.c.feed))
    return [decode_kept(row.body) for row in rows]


def told(kept: list[Kept]) -> list[tuple[str, str, str, bool]]:
    """(change, level, period, provisional) of revisions."""
    return [(one.message.change, one.message.level, one.message.period, one.message.provisional) for one in kept]


async def values(database: AnyDatabase, indicator: str, month: str, segment: str = "portfolio") -> list[Any]:
    """All revisions of one published value."""
    table = INDICATOR_VALUE.c
    where = (
        table.indicator == indicator,
        table.segment == segment,
        table.period == parse_month(month),
        table.basis == "count",
    )
    return await rows_of(database, select(INDICATOR_VALUE).where(*where).order_by(table.revision))


async def test_a_charge_off_rings_at_once_and_is_confirmed_at_the_close(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(10))
    charge_off(feed, "l0", "c0", "2020-03-20")
    await settle(database, feed)
    assert told(await revisions(database)) == [("opened", "amber", "2020-03", True)]
    feed.close("2020-03-31")
    await settle(database, feed)
    assert told(await revisions(database)) == [
        ("opened", "amber", "2020-03", True),
        ("confirmed", "amber", "2020-03", False),
    ]
    first = (await revisions(database))[0]
    assert first.message.owner == "manager"
    assert first.message.known_from == at("2020-03-20")
    (top,) = first.message.explanation["top"]
    assert (top["id"], top["what"], top["amount_minor"]) == ("l0", "charged off on 2020-03-20", 110000)


async def test_an_immature_month_is_never_rated(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-30")
    await settle(database, feed)
    assert await revisions(database) == []
    assert await values(database, "missed_payment_rate", "2020-03") == []


async def test_a_month_is_final_when_its_last_due_date_moved_has_passed(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book(calendar="WEEKENDS")
    register(feed, "c0")
    disburse(feed, "l0", "c0", first_due="2020-02-29")
    feed.close("2020-02-29")
    feed.close("2020-03-01")
    await settle(database, feed)
    assert await values(database, "missed_payment_rate", "2020-02") == [], "29 February 2020 is a Saturday"
    feed.close("2020-03-02")
    await settle(database, feed)
    (value,) = await values(database, "missed_payment_rate", "2020-02")
    assert value.known_from == _micros("2020-03-02", 23)


async def test_a_book_is_closed_when_every_lane_is(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    feed.close("2020-03-31")
    first, second = list(feed.pending())
    for batch in (first, second):
        assert await values(database, "missed_payment_rate", "2020-03") == []
        await fold_one(database, batch)
        await evaluate(database)
    assert len(await values(database, "missed_payment_rate", "2020-03")) == 1


async def test_missed_payments_ring_at_the_close_and_name_their_segments(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", [0, 2, 4, 6, 8, 1])
    feed.close("2020-03-31")
    await settle(database, feed)
    (one,) = await revisions(database)
    message = one.message
    assert (message.change, message.level, message.value, message.numerator) == ("opened", "amber", 0.4, 4)
    assert message.as_of == date(2020, 3, 31)
    assert "region=TX" in message.sentence
    (split,) = message.explanation["before"]["splits"]
    assert [part["segment"] for part in split["contributions"]] == ["region=TX"]
    assert [top["id"] for top in message.explanation["top"]] == ["l3", "l5", "l7", "l9"]


async def test_a_back_dated_repayment_withdraws_an_alert_and_says_so(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(7))
    feed.close("2020-03-31")
    await settle(database, feed)
    assert told(await revisions(database)) == [("opened", "amber", "2020-03", False)]
    pay(feed, "2020-03-16", [7, 8], known="2020-04-05")
    await fold(database, feed)
    await evaluate(database)
    gone = (await revisions(database))[-1].message
    assert (gone.change, gone.state, gone.level) == ("withdrawn", "withdrawn", "none")
    assert "back-dated repayment" in gone.sentence
    assert gone.known_from == at("2020-04-05")
    before, after = await values(database, "missed_payment_rate", "2020-03")
    assert (before.numerator, after.numerator, after.cause) == (3, 1, "back_dated")
    assert (before.known_from, after.known_from) == (_micros("2020-03-31", 23), _micros("2020-04-05", 12))
    (alert,) = await rows_of(database, select(ALERT.c.state))
    assert alert.state == "withdrawn"


async def test_every_revision_leaves_by_the_lane_of_its_cause_with_a_fixed_id(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await settle(database, feed)
    box = HOUSE.outbox.c
    (row,) = await rows_of(
        database,
        select(box.event_id, box.partition, box.key, box.headers, box.value).where(
            box.topic == "tocsin.risk", box.key != "auto"
        ),
    )
    message = msgspec.json.decode(row.value, type=AlertRevised)
    envelope = from_headers(msgspec.msgpack.decode(row.headers, type=tuple[tuple[str, bytes], ...]))
    (alert,) = await rows_of(database, select(ALERT))
    assert (message.alert, message.revision, row.key) == (alert.id, 1, alert.cause_id)
    assert (envelope.id, envelope.type, envelope.subject) == (row.event_id, AlertRevised.type, alert.id)
    assert row.partition == lane_of(alert.cause_id, PARTITIONS)


async def test_evaluating_again_changes_nothing(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await settle(database, feed)
    before = await rows_of(database, select(ALERT_REVISION)), await rows_of(database, select(INDICATOR_VALUE))
    again = await evaluate(database)
    assert again is not None
    assert (again.marks, again.values, again.revisions) == (0, 0, 0)
    after = await rows_of(database, select(ALERT_REVISION)), await rows_of(database, select(INDICATOR_VALUE))
    assert [list(map(tuple, rows)) for rows in before] == [list(map(tuple, rows)) for rows in after]


async def test_a_new_policy_rates_the_past_again(database: AnyDatabase) -> None:
    feed = await begin(database)
    pay(feed, "2020-03-15", range(3))
    feed.close("2020-03-31")
    await settle(database, feed)
    assert await revisions(database) == []
    await apply_policy(database, POLICY)
    await evaluate(database)
    assert told(await revisions(database)) == [("opened", "red", "2020-03", False)]
    assert (await revisions(database))[0].message.known_from == at("2021-01-01"), "no rule was known before"
    milder = POLICY.replace("enter: 60 %, leave: 40 %", "enter: 80 %, leave: 75 %")
    await apply_policy(database, milder)
    await evaluate(database)
    last = (await revisions(database))[-1].message
    assert (last.change, last.level, last.policy_version) == ("amended", "amber", 2)


async def test_a_rule_by_day_publishes_days_and_rings_in_the_open_one(database: AnyDatabase) -> None:
    feed = await begin(database, DAILY)
    feed.close("2020-04-14")
    await settle(database, feed)
    assert [one[:3] for one in told(await revisions(database))] == [("opened", "red", "2020-04-15")]
    feed.close("2020-04-15")
    await settle(database, feed)
    assert told(await revisions(database))[-1][0] == "confirmed"
    table = INDICATOR_VALUE.c
    days = await rows_of(database, select(INDICATOR_VALUE).where(table.period_kind == "day").order_by(table.period))
    assert days[-1].as_of == date(2020, 4, 15).toordinal()
    assert (days[-1].numerator, days[-2].numerator) == (1100000, 0)


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


async def acknowledge(database: AnyDatabase, alert: str, if_match: str | None = None) -> Verdict:
    """Acknowledge as an officer."""
    async with database.transaction() as tx:
        return (await acknowledge_alert(tx, alert, ("officer-7", "seen"), if_match, PARTITIONS)).verdict


async def test_an_acknowledgement_is_a_revision_that_later_ones_count_on_from(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(6))
    feed.close("2020-03-31")
    await settle(database, feed)
    (row,) = await rows_of(database, select(ALERT))
    assert await acknowledge(database, row.id, '"2"') is Verdict.CHANGED
    assert await acknowledge(database, row.id, '"1"') is Verdict.ACCEPTED
    assert await acknowledge(database, row.id) is Verdict.REPEATED
    pay(feed, "2020-04-15", range(2))
    feed.close("2020-04-30")
    await settle(database, feed)
    kept = await revisions(database)
    assert [(one.message.change, one.message.revision, one.acknowledged) for one in kept] == [
        ("opened", 1, False),
        ("acknowledged", 2, True),
        ("worsened", 3, False),
    ]
    pay(feed, "2020-05-15", range(10))
    feed.close("2020-05-31")
    await settle(database, feed)
    assert await acknowledge(database, row.id) is Verdict.SUPERSEDED
    assert await acknowledge(database, "0" * 32) is Verdict.UNKNOWN


async def test_the_worker_evaluates_when_the_bell_rings_and_stops_when_told(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    bell, relay, stop = Bell(), Bell(), asyncio.Event()
    loop = EvaluatorLoop(database, SCOPE, bell, relay, poll_s=60.0)
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
    task = asyncio.create_task(EvaluatorLoop(database, SCOPE, Bell(), relay, poll_s=0.2).run(stop))
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
    loop = asyncio.create_task(EvaluatorLoop(database, SCOPE, bell, Bell(), poll_s=0.05).run(stop))
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
        loop = EvaluatorLoop(empty, SCOPE, Bell(), Bell(), poll_s=60.0)
        with pytest.raises(DatabaseUnavailable, match="not migrated"):
            await loop.evaluate_all()
    finally:
        await empty.close()


async def test_a_moved_client_changes_published_segments(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    moved = facts.ClientChanged(
        book="auto",
        value_date=date(2020, 2, 1),
        client="c0",
        known_at=at("2020-03-03"),
        attributes=facts.Attributes(region="NV"),
    )
    feed.fact(moved, "c0", "c0-moved")
    await settle(database, feed)
    (value,) = await values(database, "missed_payment_rate", "2020-02", "region=NV")
    assert (value.denominator, value.cause, value.known_from) == (1, "client_changed", _micros("2020-03-03", 12))
    before, after = await values(database, "missed_payment_rate", "2020-02", "region=CA")
    assert (before.denominator, after.denominator) == (5, 4)


def _micros(day: str, hour: int) -> int:
    return int(at(day, hour).timestamp()) * 1_000_000
