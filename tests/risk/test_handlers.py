"""Folding batches on a real database: what is kept is the slow truth, whatever comes, in whatever order."""

import random
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.risk.handlers.fold import Scope, fold_batch
from services.risk.handlers.letters import keep_dead_letter
from services.risk.store.tables import ANOMALY, CLIENT, COUNTER, DEAD_LETTER, HOUSE, LEDGER, LOAN, MARK
from shared.db import migrate
from shared.db.sqlite import open_sqlite
from shared.events import facts
from shared.events.envelope import Envelope
from shared.log.lanes import lane_of
from shared.log.port import Record
from shared.runtime.service import Batch, Poison
from tests.risk.feed import (
    OWNER,
    PARTITIONS,
    TOPIC,
    AnyDatabase,
    Feed,
    apply_policy,
    at,
    charge_off,
    disburse,
    event_id,
    fold,
    new_clock,
    register,
    repay,
    rows_of,
    settle,
    small_book,
)
from tests.risk.truth import assert_true, kept_cells, outcome

DAY = date(2020, 3, 1)


async def test_repayments_in_order_are_continued_from_the_saved_state(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed)
    await fold(database, feed)
    for month in (2, 3, 4):
        for number in range(number_of_payers := 8):
            repay(feed, f"l{number}", f"c{number}", f"2020-{month:02d}-15")
        await fold(database, feed)
    assert number_of_payers == 8
    await assert_true(database)
    cells = await kept_cells(database)
    assert cells["portfolio", "USD", "missed_loans", date(2020, 3, 31).toordinal()] == 2
    assert cells["region=TX", "USD", "due_loans", date(2020, 3, 31).toordinal()] == 5


async def test_a_repeated_fact_counts_once_within_and_across_batches(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=1)
    await fold(database, feed)
    once = repay(feed, "l0", "c0", "2020-02-15")
    repay(feed, "l0", "c0", "2020-02-15")
    await fold(database, feed)
    repay(feed, "l0", "c0", "2020-02-15")
    await fold(database, feed)
    ledger = await rows_of(database, select(LEDGER).where(LEDGER.c.event_id == event_id(once)))
    assert len(ledger) == 1
    assert await rows_of(database, select(DEAD_LETTER)) == []
    await assert_true(database)


@pytest.mark.parametrize("same_batch", [True, False])
async def test_the_same_id_with_another_body_is_a_dead_letter(database: AnyDatabase, same_batch: bool) -> None:
    feed = Feed()
    small_book(feed, loans=1)
    repay(feed, "l0", "c0", "2020-02-15")
    if not same_batch:
        await fold(database, feed)
    repay(feed, "l0", "c0", "2020-02-15", amount="99.00")
    await fold(database, feed)
    (letter,) = await rows_of(database, select(DEAD_LETTER))
    assert (letter.reason, letter.client) == ("same_id_other_body", "c0")
    (client,) = await rows_of(database, select(CLIENT))
    assert client.degraded
    (message,) = await rows_of(database, select(HOUSE.outbox.c.topic, HOUSE.outbox.c.partition))
    assert tuple(message) == ("tocsin.risk.dead-letters", lane_of("auto/c0", PARTITIONS))
    await assert_true(database)


async def test_poison_raises_and_its_dead_letter_keeps_the_bytes(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=1)
    await fold(database, feed)
    envelope = Envelope(
        id=event_id("bad"),
        source="/tests",
        type=facts.RepaymentReceived.type,
        time=at("2020-02-01"),
        book="auto",
        client="c0",
    )
    record = feed.append(lane_of("auto/c0", PARTITIONS), envelope, b'{"loan": 7}', "auto/c0")
    with pytest.raises(Exception, match="Expected `str`"):
        await fold(database, feed)
    async with database.transaction() as tx:
        await keep_dead_letter(tx, record, ValueError("…"))
    (letter,) = await rows_of(database, select(DEAD_LETTER))
    assert (letter.body, letter.offset, letter.reason) == (b'{"loan": 7}', record.offset, "undigestible")
    (client,) = await rows_of(database, select(CLIENT))
    assert client.degraded
    await assert_true(database)


async def test_what_another_partitioner_wrote_is_kept_apart(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=1)
    await fold(database, feed)
    counted = await rows_of(database, select(COUNTER))
    own = lane_of("auto/c0", PARTITIONS)
    fact = facts.LoanChargedOff(book="auto", value_date=date(2020, 3, 1), loan="l0")
    record = feed.fact(fact, "c0", "foreign", lane=1 - own)
    batch = Batch(TOPIC, record.partition, 1, [record])
    async with database.transaction() as tx:
        with pytest.raises(Poison, match=f"auto/c0 belongs to partition {own}") as raised:
            await fold_batch(tx, batch, Scope(OWNER, PARTITIONS))
        await keep_dead_letter(tx, record, raised.value)
    (letter,) = await rows_of(database, select(DEAD_LETTER))
    assert (letter.reason, letter.client) == ("wrong_partition", "c0")
    assert await rows_of(database, select(COUNTER)) == counted
    await assert_true(database)


async def test_a_record_without_any_envelope_is_kept_too(database: AnyDatabase) -> None:
    record = Record(TOPIC, 0, 3, b"\xff", (), b"\x00", 0)
    async with database.transaction() as tx:
        await keep_dead_letter(tx, record, ValueError("…"))
        with pytest.raises(ValueError, match="attributes missing"):
            await fold_batch(tx, Batch(TOPIC, 0, 1, [record]), Scope(OWNER, PARTITIONS))
    assert len(await rows_of(database, select(DEAD_LETTER))) == 1


async def test_unknown_types_are_skipped(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book()
    envelope = Envelope(id=event_id("new"), source="/tests", type="tocsin.loan.painted.v1", time=at("2020-01-01"))
    feed.append(0, envelope, b"{}", "c0")
    register(feed, "c0")
    await fold(database, feed)
    assert len(await rows_of(database, select(LEDGER))) == 1


async def test_a_fact_of_an_unknown_book_is_poison(database: AnyDatabase) -> None:
    feed = Feed()
    register(feed, "c0")
    with pytest.raises(Poison, match="auto"):
        await fold(database, feed)


async def test_a_loan_of_an_unknown_client_is_folded_and_reported(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book()
    disburse(feed, "l0", "c0")
    await fold(database, feed)
    (anomaly,) = await rows_of(database, select(ANOMALY))
    assert (anomaly.subject, anomaly.reason) == ("loan/auto/l0", "client_unknown")
    register(feed, "c0", "CA")
    await fold(database, feed)
    await assert_true(database)


async def test_contradictions_are_reported_once_and_vanish_with_their_cause(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=1)
    charge_off(feed, "l0", "c0", "2020-04-01")
    repay(feed, "l0", "c0", "2020-05-01")
    await fold(database, feed)
    (anomaly,) = await rows_of(database, select(ANOMALY))
    assert (anomaly.event_id, anomaly.reason) == (event_id("l0-repaid-2020-05-01"), "after_end")
    annulled = facts.FactCorrected(book="auto", value_date=date(2020, 5, 2), fact="l0-charged-off-2020-04-01")
    feed.fact(annulled, "c0", "annulled", target="l0-charged-off-2020-04-01")
    await fold(database, feed)
    assert await rows_of(database, select(ANOMALY)) == []
    await assert_true(database)


async def test_corrections_reversals_and_back_dated_facts_end_in_the_slow_truth(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=2)
    first = repay(feed, "l0", "c0", "2020-02-15")
    second = repay(feed, "l1", "c1", "2020-02-15")
    await fold(database, feed)
    repay(feed, "l0", "c0", "2020-02-10", amount="50.00", known="2020-03-01")
    reverse = facts.RepaymentReversed(
        book="auto", value_date=date(2020, 3, 2), loan="l0", repayment=first, currency="USD", amount="40.00"
    )
    feed.fact(reverse, "c0", "reversed", target=first)
    body = {"book": "auto", "value_date": "2020-02-20", "loan": "l1", "amount": "70.00", "currency": "USD"}
    corrected = facts.FactCorrected(book="auto", value_date=date(2020, 3, 3), fact=second, body=body)
    feed.fact(corrected, "c1", "corrected", target=second)
    await fold(database, feed)
    await assert_true(database)
    causes = {row.cause for row in await rows_of(database, select(MARK))}
    assert {"reversal", "correction"} <= causes


async def test_a_correction_of_a_fact_that_is_not_there_is_poison(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=1)
    feed.fact(facts.FactCorrected(book="auto", value_date=DAY, fact="nothing"), "c0", "c", target="nothing")
    with pytest.raises(Poison, match="not in the ledger"):
        await fold(database, feed)


async def test_a_client_that_moves_takes_its_stock_along(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=2)
    await fold(database, feed)
    moved = facts.ClientChanged(book="auto", value_date=DAY, client="c0", attributes=facts.Attributes(region="NV"))
    feed.fact(moved, "c0", "c0-moved")
    await fold(database, feed)
    cells = await kept_cells(database)
    assert cells["region=NV", "USD", "loans", DAY.toordinal()] == 1
    assert cells["region=CA", "USD", "loans", DAY.toordinal()] == -1
    assert cells["region=CA", "USD", "loans", date(2020, 1, 2).toordinal()] == 1
    await assert_true(database)
    body = {"book": "auto", "value_date": "2020-03-01", "client": "c0", "attributes": {"region": "TX"}}
    correction = facts.FactCorrected(book="auto", value_date=DAY, fact="c0-moved", body=body)
    feed.fact(correction, "c0", "c0-corrected", target="c0-moved")
    await fold(database, feed)
    assert "region=NV" not in {segment for segment, *_ in await kept_cells(database)}
    await assert_true(database)


async def test_a_merge_is_an_alias_and_moves_nothing(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=2)
    await fold(database, feed)
    before = await kept_cells(database)
    feed.fact(facts.ClientMerged(book="auto", value_date=DAY, client="c1", into="c0"), "c1", "merged")
    repay(feed, "l1", "c1", "2020-02-15")
    await fold(database, feed)
    rows = {row.client: row.alias_of for row in await rows_of(database, select(CLIENT))}
    assert rows == {"c0": "", "c1": "c0"}
    assert set(before) <= set(before | await kept_cells(database))
    await assert_true(database)


async def test_projects_are_counted_by_round(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book()
    register(feed, "c0")
    project = facts.ProjectRegistered(
        book="auto", value_date=date(2020, 1, 2), project="p0", client="c0", currency="USD"
    )
    feed.fact(project, "c0", "p0")
    for name, day, forecast in (
        ("r1", date(2020, 1, 10), date(2021, 1, 1)),
        ("r2", date(2020, 5, 10), date(2021, 6, 1)),
    ):
        report = facts.ProjectReported(book="auto", value_date=day, project="p0", forecast_completion=forecast)
        feed.fact(report, "c0", name)
        await fold(database, feed)
    cells = await kept_cells(database)
    assert cells["portfolio", "", "slipped", date(2020, 5, 31).toordinal()] == 1
    await assert_true(database)


async def test_milestones_are_counted_and_corrected_in_any_order(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book()
    register(feed, "c0")
    told = ((3, None, date(2020, 3, 1)), (2, date(2020, 2, 10), None), (1, date(2020, 9, 1), None))
    for number, (month, baseline, actual) in enumerate(told):
        day = date(2020, month, 2)
        report = facts.MilestoneReported(
            book="auto", value_date=day, project="p0", milestone="m", baseline=baseline, actual=actual
        )
        feed.fact(report, "c0", f"m{number}")
        await fold(database, feed)
    project = facts.ProjectRegistered(
        book="auto", value_date=date(2020, 1, 2), project="p0", client="c0", currency="USD"
    )
    feed.fact(project, "c0", "p0")
    await fold(database, feed)
    # The baseline of the earliest value date is the approved one, though it came last.
    assert ("portfolio", "", "milestones_due", date(2020, 9, 1).toordinal()) in await kept_cells(database)
    await assert_true(database)
    annulled = facts.FactCorrected(book="auto", value_date=date(2020, 4, 1), fact="m2")
    feed.fact(annulled, "c0", "annulled", target="m2")
    await fold(database, feed)
    cells = await kept_cells(database)
    assert cells["portfolio", "", "milestones_delayed", date(2020, 2, 10).toordinal()] == 1
    assert ("portfolio", "", "milestones_due", date(2020, 9, 1).toordinal()) not in cells
    await assert_true(database)


async def test_a_loan_may_arrive_in_one_batch_with_its_whole_life(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed, loans=3)
    for month in range(2, 8):
        for number in range(3):
            repay(feed, f"l{number}", f"c{number}", f"2020-{month:02d}-15")
    charge_off(feed, "l2", "c2", "2020-08-01")
    await fold(database, feed)
    await assert_true(database)
    (loan,) = await rows_of(database, select(LOAN).where(LOAN.c.loan == "l2"))
    assert (loan.status, loan.end_day) == ("charged_off", date(2020, 8, 1).toordinal())


POLICY = """
policy: demo
books:
  auto:
    - {id: missed, indicator: missed_payment_rate, segments: portfolio, owner: officer, drivers: [region],
       amber: {enter: 30 %, leave: 20 %}, red: {enter: 60 %, leave: 40 %}}
    - {id: gone, indicator: charge_off_rate, segments: [portfolio, region], owner: officer,
       amber: {enter: 10 %, leave: 5 %}}
    - {id: late, indicator: par30, segments: portfolio, owner: officer, red: {enter: 25 %, leave: 20 %}}
"""


def a_life(chance: random.Random) -> list[tuple[int, Record]]:
    """A book with everything in it: (lane, record) in the order in which it happened."""
    feed = Feed()
    small_book(feed, loans=6)
    for month in range(2, 8):
        for number in range(6):
            if chance.random() < 0.6:
                paid = repay(feed, f"l{number}", f"c{number}", f"2020-{month:02d}-{chance.randint(1, 28):02d}")
                if chance.random() < 0.15:
                    reverse = facts.RepaymentReversed(
                        book="auto",
                        value_date=date(2020, month, 28),
                        loan=f"l{number}",
                        repayment=paid,
                        currency="USD",
                    )
                    feed.fact(reverse, f"c{number}", f"{paid}-reversed", target=paid)
            if chance.random() < 0.04:
                charge_off(feed, f"l{number}", f"c{number}", f"2020-{month:02d}-20")
        if chance.random() < 0.5:
            client = f"c{chance.randrange(6)}"
            moved = facts.ClientChanged(
                book="auto",
                value_date=date(2020, month, 5),
                client=client,
                attributes=facts.Attributes(region=chance.choice(["TX", "CA", "NV"])),
            )
            feed.fact(moved, client, f"{client}-moved-{month}")
    return [(lane, record) for lane, records in enumerate(feed.lanes) for record in records]


async def run(records: list[tuple[int, Record]], closes: dict[int, str], batch_records: int) -> tuple[object, object]:
    """Fold and evaluate records in this order, with closes after some of them; return what must be the same."""
    database = open_sqlite(None, new_clock())
    try:
        await migrate.upgrade(database, "services.risk")
        await apply_policy(database, POLICY)
        feed = Feed()
        for number, (lane, record) in enumerate(records):
            feed.lanes[lane].append(record._replace(offset=len(feed.lanes[lane])))
            if number in closes:
                await settle(database, feed, batch_records)
                feed.close(closes[number])
        feed.close("2020-08-31")
        await settle(database, feed, batch_records)
        await assert_true(database)
        return await kept_cells(database), await outcome(database)
    finally:
        await database.close()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), batch_records=st.sampled_from([5, 17, 60]))
async def test_shuffled_facts_end_in_the_same_counters_values_and_alerts(seed: int, batch_records: int) -> None:
    chance = random.Random(seed)
    life = a_life(chance)
    in_order = await run(life, {}, 2_000)
    opening = [item for item in life if b"book.opened" in dict(item[1].headers)["ce_type"]]
    rest = [item for item in life if item not in opening]
    chance.shuffle(rest)
    # Intake holds back what refers to something that is not there yet: beginnings and targets come first.
    rest.sort(key=_must_come_first)
    closes = {chance.randrange(len(life)): f"2020-{month:02d}-28" for month in (3, 5)}
    assert await run(opening + rest, dict(sorted(closes.items())), batch_records) == in_order


def _must_come_first(item: tuple[int, Record]) -> int:
    kind = dict(item[1].headers)["ce_type"].decode()
    return {"tocsin.client.registered.v1": 0, "tocsin.loan.disbursed.v1": 1}.get(kind, 2)
