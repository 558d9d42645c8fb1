"""What intake counts as accepted: whatever runs at the same time, a close's tally is that of the facts before it."""

import asyncio
import json
import random
from itertools import pairwise

from sqlalchemy import select, update

from services.intake.store.tables import ACCEPTED, BOOK
from shared.kernel.tally import Tally, pack_ids, tally_of
from tests.intake.house import PARTITIONS, House, client, loan, repayment


async def lanes_of(house: House) -> list[list[tuple[dict[str, object], Tally]]]:
    """By lane: each close with the tally of the facts that lie between it and the close before."""
    lanes: list[list[tuple[dict[str, object], Tally]]] = []
    sent = await house.sent()
    for lane in range(PARTITIONS):
        closes, ids = [], []
        for record, envelope in sent:
            if record.partition != lane:
                continue
            if envelope.client:
                ids.append(envelope.id)
            elif envelope.type == "tocsin.book.day_closed.v1":
                closes.append((json.loads(record.value), tally_of(pack_ids(ids))))
                ids = []
        lanes.append(closes)
    return lanes


def told(close: dict[str, object]) -> Tally:
    return Tally(int(str(close["accepted"])), int(str(close.get("accepted_digest", 0))))


async def test_a_close_between_concurrent_facts_counts_those_before_it_and_no_other(house: House) -> None:
    await house.open_book()
    await house.take(*(one for number in range(12) for one in (client(f"C{number}"), loan(f"L{number}", f"C{number}"))))
    dice = random.Random(5)

    async def pay(number: int) -> None:
        await house.take(*(repayment(f"P{number}-{part}", f"L{(number + part) % 12}") for part in range(3)))

    async def close(day: int) -> None:
        answer = await house.post("/books/auto/closes", {"day": f"2020-02-{day:02}"})
        assert answer.status_code in (200, 201), answer.text

    work = [pay(number) for number in range(40)] + [close(day) for day in range(1, 9)]
    dice.shuffle(work)
    await asyncio.gather(*work)
    await house.post("/books/auto/closes", {"day": "2020-02-20"})
    found = await lanes_of(house)
    assert all(told(close) == before for closes in found for close, before in closes)
    assert sum(told(close).facts for closes in found for close, _ in closes) == 24 + 120
    for closes in found:
        for (before, _), (after, _) in pairwise(closes):
            assert after["since"] == following_of(before)


def following_of(close: dict[str, object]) -> str:
    return f"2020-02-{int(str(close['day'])[-2:]) + 1:02}"


async def test_what_waited_counts_when_it_goes_on_and_repeats_count_not_at_all(house: House) -> None:
    await house.open_book()
    await house.take(repayment("P1"), loan())
    await house.post("/books/auto/closes", {"day": "2020-02-01"})
    await house.take(client())
    await house.take(client(), loan(), repayment("P1"))
    days = (await house.get("/reconciliation", book="auto")).json()["items"]
    assert [(day["since"], day["day"], day["accepted"]) for day in days] == [("2020-02-02", None, 3)]
    place = {"book": "auto", "partition": days[0]["partition"], "since": "2020-02-02"}
    facts = (await house.get("/reconciliation/facts", **place)).json()
    assert (len(facts["items"]), facts["next"]) == (3, None)
    assert all(one["in_ledger"] and one["unsent"] for one in facts["items"])
    assert (await house.get("/reconciliation", book="nobodys")).status_code == 404
    assert (await house.get("/reconciliation/facts", **place, cursor="nonsense")).status_code == 422


async def test_a_book_from_before_is_counted_from_its_next_close_on(house: House) -> None:
    await house.open_book()
    async with house.database.transaction() as tx:
        await tx.execute(update(BOOK).values(counted=False))
    await house.take(client(), loan())
    for day in ("2020-02-01", "2020-02-02"):
        await house.post("/books/auto/closes", {"day": day})
    for closes in await lanes_of(house):
        assert ["accepted" in close for close, _ in closes] == [False, True]


async def test_facts_are_named_in_pages(small_house: House) -> None:
    await small_house.open_book()
    await small_house.take(client(), loan())
    for number in range(4):
        await small_house.take(*(repayment(f"P{number}-{part}") for part in range(2_000)))
    async with small_house.database.read() as tx:
        (row, *_) = await tx.rows(select(ACCEPTED.c.lane, ACCEPTED.c.since))
    place = {"book": "auto", "partition": row.lane, "since": "2020-01-01"}
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await small_house.get("/reconciliation/facts", **place, **cursor)).json()
        pages.append([one["fact"] for one in page["items"]])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [len(page) for page in pages] == [4_002, 4_000]
    assert len({fact for page in pages for fact in page}) == 8_002
