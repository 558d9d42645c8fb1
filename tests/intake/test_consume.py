"""Facts from `tocsin.facts`: both modes of CloudEvents, and everything that is wrong is kept with its bytes."""

import base64

import msgspec
import pytest

from services.intake.handlers.consume import keep_undigestible
from shared.kernel.ids import hashed_id
from tests.intake.house import House, binary, client, loan, record, repayment, structured


async def test_both_modes_are_read_and_tell_where_they_came_from(house: House) -> None:
    await house.open_book()
    await house.consume(structured(client(), 0), binary(loan(), 1), structured(repayment(), 2), binary(repayment(), 3))
    assert await house.ledger() == {"client C1", "loan L1", "P1"}
    assert await house.quarantined() == {}
    told = (await house.get("/facts/P1")).json()
    assert told["position"] == {"topic": "tocsin.facts", "partition": 0, "offset": 2}


async def test_a_partition_implies_no_client(house: House) -> None:
    await house.open_book()
    await house.consume(structured(repayment(), 0, partition=2))
    await house.consume(structured(loan(), 0, partition=1))
    await house.consume(structured(client(), 0, partition=0))
    assert await house.ledger() == {"client C1", "loan L1", "P1"}
    told = (await house.get("/facts/P1")).json()
    assert told["position"]["partition"] == 2


async def test_a_reused_id_is_kept_for_a_person(house: House) -> None:
    await house.open_book()
    await house.consume(structured(client(), 0), structured(loan(), 1), structured(repayment(), 2))
    await house.consume(structured(repayment(amount="5.00"), 3))
    assert await house.quarantined() == {"P1": ("quarantined", "id_reused")}
    assert (await house.get("/facts/P1")).json()["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("value", "headers", "pointer"),
    [
        (b"\xff\xfe", (), ""),
        (b"{", (), ""),
        (b"[" * 5_000, (), ""),
        (b"", (), ""),
        (b'{"specversion":"1.0"}', (), "/id"),
        (b"{}", (("ce_id", b"1"), ("ce_type", b"x\x00y"), ("ce_source", b"\xff")), "/specversion"),
        (msgspec.json.encode(repayment(amount="-5")), (), "/data/amount"),
        (msgspec.json.encode(repayment("")), (), "/id"),
        (msgspec.json.encode(repayment("a\x00b")), (), "/id"),
    ],
)
async def test_what_cannot_be_understood_is_kept_with_its_bytes(
    house: House, value: bytes, headers: tuple[tuple[str, bytes], ...], pointer: str
) -> None:
    await house.consume(record(value, 7, headers))
    await house.consume(record(value, 7, headers))
    (item,) = (await house.get("/quarantine")).json()["items"]
    assert (item["state"], item["reason"]) == ("quarantined", "malformed")
    assert pointer in {one["pointer"] for one in item["errors"]}
    assert item["item"] == hashed_id("tocsin.facts", 0, 7)
    shown = (await house.get(f"/quarantine/{item['item']}")).json()
    assert base64.b64decode(shown["body_base64"]) == value
    assert set(shown["headers"]) == {name for name, _ in headers}
    again = await house.post(f"/quarantine/{item['item']}/retry", None)
    assert (again.status_code, again.json()["outcome"]) == (200, "quarantined")


async def test_one_that_breaks_the_consumer_is_kept_too(house: House) -> None:
    broken = structured(repayment(), 3)
    async with house.database.transaction() as tx:
        await keep_undigestible(tx, broken, ValueError("with somebody's name"), house.clock.now())
    (item,) = (await house.get("/quarantine", reason="undigestible")).json()["items"]
    assert item["errors"] == [{"pointer": "", "detail": "ValueError"}]
    await house.open_book()
    await house.consume(structured(client(), 0), structured(loan(), 1))
    retried = await house.post(f"/quarantine/{item['item']}/retry", None)
    assert retried.json()["outcome"] == "accepted"
    assert await house.quarantined() == {}
    assert (await house.get("/facts/P1")).json()["position"]["offset"] == 3


async def test_received_is_ledger_plus_quarantine(house: House) -> None:
    await house.open_book()
    records = [client(), loan(), repayment(), repayment(), repayment("P2", "L9"), repayment("P3", amount="x")]
    await house.consume(*(structured(one, offset) for offset, one in enumerate(records)))
    # One of the six is a repeat.
    assert len(await house.ledger()) + len(await house.quarantined()) == 5


async def test_each_fact_goes_on_in_the_trace_it_came_with(house: House) -> None:
    await house.open_book()
    traces = {f"client C{number}": f"00-{number:032x}-{number:016x}-01" for number in (1, 2)}
    records = [
        one._replace(headers=(*one.headers, ("traceparent", trace.encode())))
        for number, trace in enumerate(traces.values(), 1)
        for one in [binary(client(f"C{number}"), number)]
    ]
    await house.consume(*records, binary(client("C3"), 3))
    told = {sent.origin_id: sent.traceparent for _, sent in await house.sent() if sent.origin_id}
    assert told == {**traces, "client C3": ""}
