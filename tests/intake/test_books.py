"""Books open and close their days, one message per lane, behind all facts that came before."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from services.intake.handlers.accept import accept_facts
from services.intake.store.tables import HOUSE
from shared.db import outbox
from shared.events.base import Topic
from shared.kernel.ids import hashed_id
from shared.kernel.tally import pack_ids, tally_of
from tests.intake.house import BOOK, PARTITIONS, House, client, loan, repayment


async def test_a_book_opens_once_on_every_lane(house: House) -> None:
    first = await house.post("/books", BOOK)
    assert (first.status_code, first.json()["closed_through"]) == (201, None)
    assert first.headers["location"] == "/intake/v1/books/auto"
    again = await house.post("/books", BOOK | {"known_at": "2021-01-01T00:00:00Z"})
    assert (again.status_code, again.json()) == (200, first.json())
    other = await house.post("/books", BOOK | {"calendar": "WEEKENDS"})
    assert other.status_code == 409
    sent = await house.sent()
    assert [(record.partition, envelope.type) for record, envelope in sent] == [
        (lane, "tocsin.book.opened.v1") for lane in range(PARTITIONS)
    ]
    assert {envelope.id for _, envelope in sent} == {hashed_id(hashed_id("book", "auto"), lane) for lane in range(3)}
    body = json.loads(sent[0][0].value)
    assert body == BOOK | {"known_at": "2024-03-01T12:00:00Z"}
    assert (await house.get("/books")).json()["items"] == [first.json()]
    assert (await house.get("/books/auto")).json() == first.json()
    assert (await house.get("/books/other")).status_code == 404


async def test_what_is_not_passed_on_yet_is_told(house: House) -> None:
    assert (await house.get("/progress")).json() == {"unsent": 0}
    await house.open_book()
    assert (await house.get("/progress")).json() == {"unsent": PARTITIONS}
    await house.take(client(), loan(), repayment())
    assert (await house.get("/progress")).json() == {"unsent": PARTITIONS + 3}
    for lane in range(PARTITIONS):
        async with house.database.transaction() as tx:
            rows = await outbox.unsent(tx, HOUSE, Topic.INTAKE, lane, 10)
            await outbox.forget(tx, HOUSE, Topic.INTAKE, lane, [seq for seq, _ in rows])
    assert (await house.get("/progress")).json() == {"unsent": 0}


async def test_a_close_moves_the_books_day_and_follows_its_facts_on_every_lane(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan(), repayment())
    closed = await house.post("/books/auto/closes", {"day": "2020-02-29"})
    told = {"book": "auto", "day": "2020-02-29", "closed": True}
    assert (closed.status_code, closed.json()) == (201, told | {"effect": "closed"})
    assert (await house.get("/books/auto")).json()["closed_through"] == "2020-02-29"
    for day in ("2020-02-29", "2020-02-01"):
        again = await house.post("/books/auto/closes", {"day": day})
        assert (again.status_code, again.json()) == (200, told | {"day": day, "effect": "none"})
    sent = await house.sent()
    closes = [(record, envelope) for record, envelope in sent if envelope.type == "tocsin.book.day_closed.v1"]
    assert [record.partition for record, _ in closes] == list(range(PARTITIONS))
    assert len({envelope.id for _, envelope in closes}) == PARTITIONS
    assert json.loads(closes[0][0].value) == {
        "book": "auto",
        "day": "2020-02-29",
        "known_at": "2024-03-01T12:00:00Z",
        "since": "2020-01-01",
        "accepted": 0,
    }
    facts = [envelope.id for _, envelope in sent if envelope.client]
    said = [json.loads(record.value) for record, _ in closes]
    assert sum(one["accepted"] for one in said) == len(facts) == 3
    assert sum(one.get("accepted_digest", 0) for one in said) == tally_of(pack_ids(facts)).digest
    for lane in range(PARTITIONS):
        types = [envelope.type for record, envelope in sent if record.partition == lane]
        assert types[-1] == "tocsin.book.day_closed.v1"


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"day": "2019-12-31"}, "/day"),
        ({"day": "2024-03-02"}, "/day"),
        ({"day": "2020-02-01", "known_at": "2020-02-01T03:00:00Z"}, "/day"),
        ({"day": "2020-02-01", "known_at": "2020-02-01T03:00:00"}, "/known_at"),
        ({"day": "2020-02-30"}, "/day"),
        ({}, "/day"),
        ({"day": "2020-02-01", "night": 1}, "/night"),
    ],
)
async def test_a_close_that_cannot_be(small_house: House, asked: dict[str, object], wrong: str) -> None:
    await small_house.open_book()
    answer = await small_house.post("/books/auto/closes", asked)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [wrong]


async def test_the_day_in_the_books_zone_decides(small_house: House) -> None:
    await small_house.open_book()
    # 03:00 UTC on the first of February is the evening of the thirty-first of January in New York.
    known_at = datetime(2020, 2, 1, 3, tzinfo=UTC).isoformat()
    early = await small_house.post("/books/auto/closes", {"day": "2020-01-31", "known_at": known_at})
    assert early.status_code == 201
    assert (await small_house.post("/books/none/closes", {"day": "2020-01-31"})).status_code == 404


async def test_facts_and_closes_at_once_leave_every_lanes_close_behind_its_facts(house: House) -> None:
    await house.open_book()
    clients = [client(f"C{number}") for number in range(12)]
    await asyncio.gather(
        *(house.take(one) for one in clients[:6]),
        house.post("/books/auto/closes", {"day": "2020-02-29"}),
        *(house.take(one) for one in clients[6:]),
    )
    sent = await house.sent()
    assert len([1 for _, envelope in sent if envelope.client]) == 12
    assert len([1 for _, envelope in sent if envelope.type == "tocsin.book.day_closed.v1"]) == PARTITIONS


@pytest.mark.parametrize(
    ("other", "pointers"),
    [
        (
            {"base_currency": "XXX", "time_zone": "Mars", "calendar": "QQ"},
            {"/base_currency", "/time_zone", "/calendar"},
        ),
        ({"book": "a/b", "dpd_offset": 2}, {"/book", "/dpd_offset"}),
        ({"tolerance": {"USD": "0.001", "EUR": "-1"}}, {"/tolerance/USD", "/tolerance/EUR"}),
        ({"segment_attributes": ["region", "colour", "region"]}, {"/segment_attributes/1", "/segment_attributes/2"}),
        ({"first_day": "1800-01-01", "known_at": "2099-01-01T00:00:00Z"}, {"/first_day", "/known_at"}),
        ({"first_day": 5, "unknown": 1}, {"/first_day", "/unknown"}),
    ],
)
async def test_everything_that_is_wrong_with_a_book_is_told(
    small_house: House, other: dict[str, object], pointers: set[str]
) -> None:
    answer = await small_house.post("/books", BOOK | other)
    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} == pointers


async def test_books_are_listed_in_pages(small_house: House) -> None:
    for name in ("b", "a", "c"):
        await small_house.open_book(book=name)
    first = (await small_house.get("/books", limit=2)).json()
    assert [one["book"] for one in first["items"]] == ["a", "b"]
    rest = (await small_house.get("/books", limit=2, cursor=first["next"])).json()
    assert ([one["book"] for one in rest["items"]], rest["next"]) == (["c"], None)


async def test_a_close_waits_for_facts_under_way(house: House) -> None:
    await house.open_book()
    async with house.database.transaction() as tx:
        await accept_facts(tx, house.desk, [house.read(client())], house.clock.now())
        closing = asyncio.create_task(house.post("/books/auto/closes", {"day": "2020-02-29"}))
        await asyncio.wait([closing], timeout=0.3)
        assert not closing.done()
    assert (await closing).status_code == 201
    lanes: dict[int, list[str]] = {}
    for record, envelope in await house.sent():
        lanes.setdefault(record.partition, []).append(envelope.type)
    assert {types[-1] for types in lanes.values()} == {"tocsin.book.day_closed.v1"}


async def test_a_book_and_the_fact_that_waits_for_it_see_each_other(house: House) -> None:
    async with house.database.transaction() as tx:
        await accept_facts(tx, house.desk, [house.read(client())], house.clock.now())
        opening = asyncio.create_task(house.post("/books", BOOK))
        await asyncio.wait([opening], timeout=0.3)
    assert (await opening).status_code == 201
    assert await house.ledger() == {"client C1"}
    assert await house.quarantined() == {}
