"""The evaluator on a real database: what is published, what rings, what is taken back, and who may decide it."""

from datetime import date
from typing import Any

import msgspec
from sqlalchemy import select

from services.risk.evaluation.acknowledging import acknowledge_alert
from services.risk.evaluation.decision import Decision
from services.risk.store.tables import ALERT, ALERT_REVISION, HOUSE, INDICATOR_VALUE
from shared.events import facts
from shared.events.envelope import from_headers
from shared.events.risk import AlertRevised
from shared.kernel.days import parse_month
from shared.log.lanes import lane_of
from tests.risk.crisis import POLICY, begin, pay, revisions, told
from tests.risk.feed import (
    PARTITIONS,
    AnyDatabase,
    Feed,
    apply_policy,
    at,
    charge_off,
    disburse,
    evaluate,
    fold,
    fold_one,
    register,
    rows_of,
    settle,
)

DAILY = """
policy: daily
books:
  auto:
    - {id: late, indicator: par30, segments: portfolio, period: day, owner: officer, red: {enter: 25 %, leave: 20 %}}
"""


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
    assert message.sentence_zh.startswith("2020-03 账簿 auto 的未按期还款率为 40.0%（4/10 笔贷款）")
    assert message.acknowledge_within_h == 4.0
    assert [(one["period"], one["value"], one["level"]) for one in message.explanation["series"]] == [
        ("2020-02", 0.0, "none"),
        ("2020-03", 0.4, "amber"),
    ]
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


async def acknowledge(database: AnyDatabase, alert: str, if_match: str | None = None) -> Decision:
    """Acknowledge as an officer."""
    async with database.transaction() as tx:
        return (await acknowledge_alert(tx, alert, ("officer-7", "seen"), if_match, PARTITIONS)).decision


async def test_an_acknowledgement_is_a_revision_that_later_ones_count_on_from(database: AnyDatabase) -> None:
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(6))
    feed.close("2020-03-31")
    await settle(database, feed)
    (row,) = await rows_of(database, select(ALERT))
    assert await acknowledge(database, row.id, '"2"') is Decision.CHANGED
    assert await acknowledge(database, row.id, '"1"') is Decision.ACCEPTED
    assert await acknowledge(database, row.id) is Decision.REPEATED
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
    assert await acknowledge(database, row.id) is Decision.SUPERSEDED
    assert await acknowledge(database, "0" * 32) is Decision.UNKNOWN


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
