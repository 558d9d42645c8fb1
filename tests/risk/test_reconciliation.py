"""Completeness (R12): at each close a lane knows whether it has what was accepted, and says what lacks."""

from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from services.risk.domain.completeness import LaneState, judge_lane
from services.risk.handlers.reckoning import judge_again
from services.risk.store.tables import FOLDED, LANE_CLOSE, LEDGER
from shared.events.envelope import from_headers
from shared.kernel.tally import Tally, pack_ids, tally_of, unpack_ids
from tests.risk.counted_feed import CountedFeed
from tests.risk.feed import PARTITIONS, AnyDatabase, event_id, fold, fold_one, repay, small_book
from tests.risk.front import get
from tests.risk.test_dead_letters import ME, bury, settle_letter


@pytest.mark.parametrize(
    ("accepted", "folded", "letters", "follows", "told"),
    [
        (Tally(3, 60), Tally(3, 60), Tally(), True, (LaneState.COMPLETE, 0, 0)),
        (Tally(3, 60), Tally(3, 60), Tally(1, 5), True, (LaneState.COMPLETE, 0, 0)),
        (Tally(3, 60), Tally(2, 40), Tally(1, 20), True, (LaneState.EXPLAINED, 1, 0)),
        (Tally(3, 60), Tally(2, 40), Tally(), True, (LaneState.GAP, 1, 0)),
        (Tally(3, 60), Tally(1, 10), Tally(1, 20), True, (LaneState.GAP, 1, 0)),
        (Tally(3, 60), Tally(5, 99), Tally(), True, (LaneState.GAP, 0, 2)),
        (Tally(3, 60), Tally(3, 61), Tally(), True, (LaneState.GAP, 1, 1)),
        (Tally(3, 60), Tally(2, 40), Tally(1, 21), True, (LaneState.GAP, 1, 1)),
        (Tally(3, 60), Tally(9, 90), Tally(), False, (LaneState.CLOSE_MISSING, 0, 6)),
        (None, Tally(3, 60), Tally(), True, (LaneState.UNCHECKED, 0, 0)),
        (Tally(), Tally(), Tally(), True, (LaneState.COMPLETE, 0, 0)),
    ],
)
def test_a_lane_is_judged_by_number_and_digest(
    accepted: Tally | None, folded: Tally, letters: Tally, follows: bool, told: tuple[Any, ...]
) -> None:
    assert tuple(judge_lane(accepted, folded, letters, follows)) == told


def test_a_tally_does_not_depend_on_order_and_tells_one_set_from_another() -> None:
    ids = [event_id(f"fact {number}") for number in range(50)]
    packed = pack_ids(ids)
    assert unpack_ids(packed) == ids
    assert tally_of(packed) == tally_of(pack_ids(ids[::-1])) == tally_of(packed[:160]).plus(tally_of(packed[160:]))
    doubled = [*ids[:-1], ids[0]]
    assert tally_of(pack_ids(doubled)).facts == len(ids)
    assert tally_of(pack_ids(doubled)) != tally_of(packed)
    assert len(pack_ids(["a producer of its own", *ids])) == 16 * 51


async def days(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The closed days of the book by lane."""
    found: list[dict[str, Any]] = (await get(client, "/reconciliation", book="auto", **query))["items"]
    return found


async def facts_of(client: httpx.AsyncClient, partition: int, since: str) -> dict[str, bool]:
    """The facts that were folded of a day, and whether the ledger has them."""
    page = await get(client, "/reconciliation/facts", book="auto", partition=partition, since=since)
    return {one["fact"]: one["in_ledger"] for one in page["items"]}


async def check_again(database: AnyDatabase) -> None:
    async with database.transaction() as tx:
        await judge_again(tx)


def states(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["day"], one["state"]) for one in found}


async def test_an_undisturbed_book_has_no_gap_however_batches_are_cut(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = CountedFeed()
    small_book(feed)
    feed.close("2020-02-14")
    for number in range(10):
        repay(feed, f"l{number}", f"c{number}", "2020-02-15")
    feed.close("2020-02-15")
    # Back-dated and late: what counts is under which open day a fact was accepted.
    repay(feed, "l3", "c3", "2020-02-10")
    feed.again(feed.lanes[0][3])
    feed.close("2020-02-29")
    repay(feed, "l4", "c4", "2020-03-15")
    await fold(database, feed, batch_records=7)
    told = await get(client, "/reconciliation", book="auto")
    assert told["complete"] is True
    assert states(told["items"]) == {(day, "complete") for day in ("2020-02-14", "2020-02-15", "2020-02-29")}
    by_day = {
        day: sum(one["accepted"] for one in told["items"] if one["day"] == day) for day, _ in states(told["items"])
    }
    assert by_day == {"2020-02-14": 20, "2020-02-15": 10, "2020-02-29": 1}
    assert all(one["folded"] == one["accepted"] for one in told["items"])
    assert [(one["since"], one["state"]) for one in told["open"]] == [("2020-03-01", "open")] * PARTITIONS
    assert sum(one["folded"] for one in told["open"]) == 1
    first = told["items"][-1]
    assert all((await facts_of(client, first["partition"], first["since"])).values())
    page = await get(client, "/reconciliation", book="auto", limit=4)
    assert len(page["items"]) + len(await days(client, cursor=page["next"])) == 3 * PARTITIONS


async def test_a_fact_that_never_comes_and_one_that_was_not_accepted_are_gaps_even_together(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = CountedFeed()
    small_book(feed)
    feed.close("2020-02-14")
    feed.losing = True
    lost = event_id(repay(feed, "l1", "c1", "2020-02-15"))
    feed.losing, feed.forging = False, True
    lane = next(lane for lane, ids in enumerate(feed.accepted) if lost in ids)
    forged = event_id(repay(feed, "l1", "c1", "2020-02-16"))
    feed.forging = False
    feed.close("2020-02-29")
    await fold(database, feed)
    (gap,) = await days(client, state="gap")
    assert (gap["partition"], gap["day"], gap["missing"], gap["unaccepted"]) == (lane, "2020-02-29", 1, 1)
    assert (await get(client, "/reconciliation", book="auto"))["complete"] is False
    assert set(await facts_of(client, lane, gap["since"])) == {forged}
    await check_again(database)
    assert len(await days(client, state="gap")) == 1, "it does not go by itself"


async def test_a_dead_letter_explains_what_is_missing_until_it_is_digested(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = CountedFeed()
    small_book(feed)
    repay(feed, "l1", "c1", "2020-02-15")
    named = event_id("l1-repaid-2020-02-15")
    poison = next(one for lane in feed.lanes for one in lane if from_headers(one.headers).id == named)
    feed.close("2020-02-29")
    letter = ""
    for batch in feed.pending():
        middle = batch.records.index(poison) if poison in batch.records else len(batch.records)
        await fold_one(database, batch._replace(records=batch.records[:middle]))
        if poison in batch.records:
            letter = await bury(database, poison)
        await fold_one(database, batch._replace(records=batch.records[middle + 1 :]))
    (explained,) = await days(client, state="explained")
    assert (explained["missing"], explained["dead_letters"]) == (1, [named])
    assert (await get(client, "/reconciliation", book="auto"))["complete"] is True
    assert (await settle_letter(client, letter, "retry", ME)).status_code == 200
    await check_again(database)
    assert await days(client, state="explained") == []
    assert len(await days(client, state="complete")) == PARTITIONS


async def test_a_row_that_the_ledger_has_lost_is_named(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed = CountedFeed()
    small_book(feed)
    feed.close("2020-02-14")
    await fold(database, feed)
    gone = event_id("l1-disbursed")
    async with database.transaction() as tx:
        await tx.execute(delete(LEDGER).where(LEDGER.c.event_id == gone))
    found: dict[str, bool] = {}
    for lane in range(PARTITIONS):
        found |= await facts_of(client, lane, "2020-01-01")
    assert [fact for fact, kept in found.items() if not kept] == [gone]


async def test_a_book_from_before_is_compared_from_its_next_close_on(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = CountedFeed()
    small_book(feed)
    await fold(database, feed)
    async with database.transaction() as tx:
        # As it is after the migration: nothing was counted.
        await tx.execute(delete(FOLDED))
        await tx.execute(delete(LANE_CLOSE))
    before = (await get(client, "/reconciliation", book="auto"))["open"]
    assert [(one["since"], one["state"]) for one in before] == [("2020-01-01", "unchecked")] * PARTITIONS
    repay(feed, "l1", "c1", "2020-02-15")
    feed.close("2020-02-29")
    repay(feed, "l1", "c1", "2020-03-15")
    feed.close("2020-03-31")
    await fold(database, feed)
    assert states(await days(client)) == {("2020-02-29", "unchecked"), ("2020-03-31", "complete")}


async def test_a_close_that_never_comes_is_told_from_lost_facts(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = CountedFeed()
    small_book(feed)
    await fold(database, feed)
    feed.close("2020-02-14")
    feed.lanes[0].pop()
    repay(feed, "l1", "c1", "2020-02-15")
    feed.close("2020-02-29")
    await fold(database, feed)
    assert [(one["partition"], one["day"]) for one in await days(client, state="close_missing")] == [(0, "2020-02-29")]
