"""Cures of arrears leave risk once per spell, under their client's key, in whatever order their facts come."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import msgspec
from sqlalchemy import select

from services.risk.store.tables import CURE, HOUSE
from shared.db import outbox
from shared.events import facts
from shared.events.base import Topic
from shared.events.envelope import from_headers
from shared.events.risk import LoanArrearsCured
from shared.log.lanes import lane_of
from tests.risk.feed import PARTITIONS, AnyDatabase, Feed, at, disburse, fold, register, repay, rows_of
from tests.risk.truth import assert_true

TOLD = list[tuple[str, str, int]]


def begun() -> Feed:
    """A book with one loan of twelve instalments from 2020-02-15 on."""
    feed = Feed()
    feed.open_book()
    register(feed, "c1")
    disburse(feed, "l1", "c1")
    return feed


async def cures(database: AnyDatabase) -> TOLD:
    """(value date, known at, days past due) of the messages that wait to leave, envelopes checked."""
    found = []
    async with database.read() as tx:
        for lane in range(PARTITIONS):
            for _, record in await outbox.unsent(tx, HOUSE, Topic.RISK, lane, 1_000):
                envelope = from_headers(record.headers)
                if envelope.type != LoanArrearsCured.type:
                    continue
                message = msgspec.json.decode(record.value, type=LoanArrearsCured)
                key = f"{message.book}/{message.client}"
                assert (record.key, lane) == (key.encode(), lane_of(key, PARTITIONS))
                assert (envelope.subject, envelope.client) == (message.loan, message.client) == ("l1", "c1")
                assert (envelope.known_at, envelope.book) == (message.known_at, "auto")
                found.append((str(message.value_date), message.known_at.date().isoformat(), message.days_past_due))
    return found


async def test_a_cure_is_told_in_the_transaction_that_folds_its_repayment(database: AnyDatabase) -> None:
    feed = begun()
    repay(feed, "l1", "c1", "2020-02-14")
    await fold(database, feed)
    assert await cures(database) == []
    repay(feed, "l1", "c1", "2020-04-01", "50.00")
    await fold(database, feed)
    assert await cures(database) == []
    repay(feed, "l1", "c1", "2020-04-02", "50.00")
    repay(feed, "l1", "c1", "2020-05-20", "200.00")
    await fold(database, feed)
    assert await cures(database) == [("2020-04-02", "2020-04-02", 17), ("2020-05-20", "2020-05-20", 34)]
    await assert_true(database)


async def test_a_back_dated_repayment_that_cures_earlier_tells_nobody_again(database: AnyDatabase) -> None:
    feed = begun()
    repay(feed, "l1", "c1", "2020-03-10")
    await fold(database, feed)
    repay(feed, "l1", "c1", "2020-03-01", known="2020-03-20")
    await fold(database, feed)
    assert await cures(database) == [("2020-03-10", "2020-03-10", 23)]
    await assert_true(database)


async def test_a_back_dated_repayment_that_shortens_the_spell_tells_nobody_again(database: AnyDatabase) -> None:
    feed = begun()
    repay(feed, "l1", "c1", "2020-03-20", "200.00")
    await fold(database, feed)
    # The first instalment was paid in time: only the second one was late.
    repay(feed, "l1", "c1", "2020-02-15", known="2020-04-01")
    await fold(database, feed)
    assert await cures(database) == [("2020-03-20", "2020-03-20", 33)]


async def test_a_cure_that_was_taken_back_is_not_told_again_within_its_spell(database: AnyDatabase) -> None:
    feed = begun()
    paid = repay(feed, "l1", "c1", "2020-03-10")
    await fold(database, feed)
    back = facts.RepaymentReversed(book="auto", value_date=date(2020, 3, 12), loan="l1", repayment=paid, currency="USD")
    feed.fact(back, "c1", "back", target=paid)
    repay(feed, "l1", "c1", "2020-03-14")
    await fold(database, feed)
    assert [one[0] for one in await cures(database)] == ["2020-03-10"]
    repay(feed, "l1", "c1", "2020-04-01")
    await fold(database, feed)
    assert [one[0] for one in await cures(database)] == ["2020-03-10", "2020-04-01"]


async def test_a_cure_that_comes_to_light_late_is_told_then(database: AnyDatabase) -> None:
    feed = begun()
    await fold(database, feed)
    fact = facts.RepaymentReceived(
        book="auto", value_date=date(2020, 3, 10), known_at=at("2020-06-01"), loan="l1", amount="100.00", currency="USD"
    )
    repay(feed, "l1", "c1", "2020-03-12", "1.00")
    feed.fact(fact, "c1", "late")
    await fold(database, feed)
    assert await cures(database) == [("2020-03-10", "2020-06-01", 23)]


async def test_every_order_tells_each_spell_once(database: AnyDatabase) -> None:
    """Spells of what is told never overlap, and every cure that stands in the end lies in one of them."""
    payments = [("2020-03-10", "100.00"), ("2020-04-02", "100.00"), ("2020-04-10", "100.00"), ("2020-06-20", "200.00")]
    orders: Sequence[Sequence[int]] = ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2))
    feed = Feed()
    feed.open_book()
    for number, order in enumerate(orders):
        client, loan = f"c{number}", f"l{number}"
        register(feed, client)
        disburse(feed, loan, client)
        for which in order:
            repay(feed, loan, client, *payments[which])
    await fold(database, feed, batch_records=1)
    rows = await rows_of(database, select(CURE).order_by(CURE.c.subject, CURE.c.since))
    standing = [(date(2020, 2, 16), date(2020, 3, 10)), (date(2020, 3, 16), date(2020, 4, 2)),
                (date(2020, 5, 16), date(2020, 6, 20))]  # fmt: skip
    for number in range(len(orders)):
        spells = [(row.since, row.cured_on) for row in rows if row.subject == f"loan/auto/l{number}"]
        assert all(before[1] <= after[0] for before, after in pairwise(spells))
        for since, cured_on in standing:
            inside = [one for one in spells if one[0] < cured_on.toordinal() and since.toordinal() < one[1]]
            assert len(inside) == 1, (number, spells)
    await assert_true(database)
