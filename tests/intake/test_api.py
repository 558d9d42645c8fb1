"""Intake over HTTP: every route, every bad input, and no input makes a 500."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.domain.reading import event_id_of
from tests.intake.house import BOOK, House, client, event, loan, repayment

ONE, BATCH, LINES = "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"
LOAN = dict(loan()["data"])
RESOURCES: list[tuple[str, dict[str, Any]]] = [
    ("/clients", client()["data"]),
    ("/clients/C1/changes", {"attributes": {"region": "TX"}}),
    ("/clients/C2/merges", {"into": "C1"}),
    ("/loans", LOAN),
    ("/loans/take-ons", LOAN | {"loan": "L2", "arrears": [{"due": "2020-01-01", "amount": "5.00"}]}),
    ("/loans/L1/repayments", {"amount": "10.00", "currency": "USD", "id": "P1"}),
    ("/loans/L1/reversals", {"repayment": "P1", "currency": "USD"}),
    ("/loans/L1/capitalisations", {"amount": "10.00", "currency": "USD"}),
    ("/loans/L1/restructurings", {"holiday_months": 3}),
    ("/loans/L1/charge-offs", {}),
    ("/loans/L1/recoveries", {"amount": "10.00", "currency": "USD"}),
    ("/loans/L1/recovery-reversals", {"amount": "10.00", "currency": "USD"}),
    ("/loans/L2/closures", {}),
    ("/loans/L1/departures", {}),
    ("/projects", {"project": "B/1", "client": "C1", "currency": "USD"}),
    ("/projects/B/1/reports", {"forecast_completion": "2025-01-01", "phase": "Design", "budget": "1000000"}),
    ("/projects/B/1/milestones", {"milestone": "M/1", "baseline": "2020-06-01", "actual": "2020-01-31"}),
    ("/corrections", {"fact": "P1"}),
]
WHEN = {"book": "auto", "value_date": "2020-02-01"}


async def send(house: House, content: bytes | str, kind: str, **headers: str) -> httpx.Response:
    return await house.client.post("/intake/v1/facts", content=content, headers={"content-type": kind} | headers)


async def test_every_resource_is_taken(house: House) -> None:
    await house.open_book()
    await house.take(client("C2"))
    for path, body in RESOURCES:
        answer = await house.post(path, WHEN | body)
        assert (answer.status_code, answer.json()["outcome"]) == (201, "accepted"), (path, answer.text)
        assert answer.headers["location"] == f"/intake/v1/facts/{answer.json()['fact']}"
        told = await house.client.get(answer.headers["location"])
        assert told.json()["outcome"] == "accepted"
    assert len(await house.ledger()) == len(RESOURCES) + 1


async def test_a_resource_repeats_waits_and_conflicts_by_its_id(house: House) -> None:
    body = WHEN | {"amount": "10.00", "currency": "USD", "id": "P1", "source": "core"}
    waits = await house.post("/loans/L1/repayments", body)
    assert (waits.status_code, waits.json()["reasons"]) == (202, ["unknown_book", "unknown_loan"])
    await house.open_book()
    await house.take(client(), loan())
    repeated = await house.post("/loans/L1/repayments", body)
    assert (repeated.status_code, repeated.json()["outcome"]) == (200, "repeated")
    conflict = await house.post("/loans/L1/repayments", body | {"amount": "11.00"})
    assert (conflict.status_code, conflict.json()["type"]) == (409, "https://tocsin.dev/problems/id-reused")
    other = await house.post("/loans/L2/repayments", body | {"loan": "L1"})
    assert [one["pointer"] for one in other.json()["errors"]] == ["/loan"]
    told = (await house.get("/facts/P1", source="core")).json()
    assert (told["fact"], told["client"], told["subject"]) == (event_id_of("core", "P1"), "C1", "L1")
    assert told == (await house.get(f"/facts/{told['fact']}")).json()
    assert (await house.get("/facts/P1", source="else")).status_code == 404


async def test_an_id_of_two_sources_asks_for_the_source(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan(), repayment(), {**repayment(), "source": "else"})
    answer = await house.get("/facts/P1")
    assert (answer.status_code, "else, tape" in answer.json()["detail"]) == (409, True)


async def test_an_idempotency_key_makes_a_post_without_id_the_same_again(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan())
    body = WHEN | {"amount": "10.00", "currency": "USD"}
    key = {"Idempotency-Key": "morning run 1"}
    first = await house.post("/loans/L1/repayments", body, **key)
    again = await house.post("/loans/L1/repayments", body, **key)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert again.headers["location"] == first.headers["location"]
    other = await house.post("/loans/L1/repayments", body | {"amount": "1.00"}, **key)
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")
    assert (await house.post("/loans/L1/repayments", body)).json()["fact"] != first.json()["fact"]
    assert (await house.post("/books", BOOK, **key)).status_code == 200
    refused = await house.post("/loans/L1/repayments", body | {"amount": "-1"}, **{"Idempotency-Key": "k2"})
    mended = await house.post("/loans/L1/repayments", body, **{"Idempotency-Key": "k2"})
    assert (refused.status_code, mended.status_code) == (422, 201)


async def test_a_wrong_date_is_told_in_plain_words(house: House) -> None:
    await house.open_book()
    body = {"book": "auto", "value_date": "2020-02-30", "known_at": "2020-03-01", "client": "C1", "kind": "person"}
    assert (await house.post("/clients", body)).json()["errors"] == [
        {"pointer": "/value_date", "detail": "is not a date of the calendar such as 2020-04-15"},
        {"pointer": "/known_at", "detail": "is not a moment with a time zone such as 2020-04-01T09:30:00Z"},
    ]


async def test_lines_are_answered_one_by_one(house: House) -> None:
    await house.open_book()
    good = [json.dumps(one).encode() for one in (client(), loan(), repayment())]
    lines = [
        good[0],
        b"",
        good[1],
        good[2][:40],
        good[2].replace(b"P1", b"\xff\xfe"),
        good[2],
        b'"text"',
        good[2].replace(b"100.00", b"9.99"),
    ]
    answer = await send(house, b"\n".join(lines) + b"\r\n", LINES)
    assert answer.status_code == 200
    told = answer.json()
    outcomes = ["accepted", "accepted", "refused", "refused", "accepted", "refused", "conflict"]
    assert [one["outcome"] for one in told["items"]] == outcomes
    assert (told["accepted"], told["refused"], told["conflict"], told["waiting"]) == (3, 3, 1, 0)
    assert told["items"][4]["fact"] == event_id_of("tape", "P1")
    assert told["items"][3]["errors"][0]["detail"] == "is not UTF-8"


async def test_a_batch_is_answered_one_by_one_and_may_span_transactions(house: House, tmp_path: Path) -> None:
    small = House(house.database, house.clock, tmp_path, transaction_facts=2)
    await small.open_book()
    batch = json.dumps([repayment(), loan(), client(), repayment("P2"), repayment("P3", amount="0")])
    key = {"Idempotency-Key": "batch"}
    first = await send(small, batch, BATCH, **key)
    assert [one["outcome"] for one in first.json()["items"]] == [
        "waiting",
        "waiting",
        "accepted",
        "accepted",
        "refused",
    ]
    again = await send(small, batch, BATCH, **key)
    assert again.content == first.content
    afresh = await send(small, batch, BATCH)
    assert afresh.json()["repeated"] == 4


async def test_a_single_event_is_answered_by_its_status(house: House) -> None:
    async def status(fact: dict[str, Any]) -> int:
        return (await send(house, json.dumps(fact), f"{ONE}; charset=utf-8")).status_code

    assert await status(client()) == 202
    await house.open_book()
    assert await status(client()) == 200
    assert await status(loan()) == 200
    assert await status(repayment()) == 200
    assert await status(repayment(amount="1.00")) == 409
    assert await status(repayment("P2", amount="1.001")) == 422
    assert await status(repayment("P3", currency="EUR")) == 202


async def test_extension_attributes_are_no_fault(small_house: House) -> None:
    fact = client() | {"time": "2020-01-01T00:00:00Z", "subject": "C1", "partitionkey": "7", "datacontenttype": "a/b"}
    assert (await send(small_house, json.dumps(fact), ONE)).status_code == 202


async def test_a_key_that_stands_twice_is_refused_with_its_reason(small_house: House) -> None:
    refused = await send(small_house, json.dumps(repayment()).replace("{", '{"id": 5, ', 1), ONE)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"pointer": "", "detail": "Expected `str`, got `int`"}]


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        (repayment(amount="1.005"), {"/data/amount"}),
        (repayment(currency="JPY", amount="1.5"), {"/data/amount"}),
        (repayment(currency="XXX"), {"/data/currency"}),
        (repayment(amount="-4"), {"/data/amount"}),
        (repayment(amount="1e5"), {"/data/amount"}),
        (repayment(amount="0.00"), {"/data/amount"}),
        (repayment(amount="9" * 17), {"/data/amount"}),
        (repayment() | {"data": repayment()["data"] | {"amount": 5}}, {"/data/amount"}),
        (repayment(principal="200.00"), {"/data/principal"}),
        (repayment(value_date="1899-12-31"), {"/data/value_date"}),
        (repayment(value_date="2020-02-30"), {"/data/value_date"}),
        (repayment(value_date="2022-02-02"), {"/data/value_date"}),
        (repayment(known_at="2024-03-03T00:00:00Z"), {"/data/known_at"}),
        (repayment(known_at="2024-03-01T00:00:00"), {"/data/known_at"}),
        (repayment(known_at="0001-01-01T00:00:00+23:59"), {"/data/known_at"}),
        (repayment(known_at="soon"), {"/data/known_at"}),
        (repayment(of="a b"), {"/data/loan"}),
        (repayment(of="x" * 65), {"/data/loan"}),
        (repayment(book=""), {"/data/book"}),
        (repayment("x" * 65), {"/id"}),
        (repayment() | {"source": "s" * 129}, {"/source"}),
        (repayment() | {"specversion": "0.3"}, {"/specversion"}),
        (repayment() | {"type": "tocsin.book.opened.v1"}, {"/type"}),
        (repayment() | {"data": []}, {"/data"}),
        ({"data": {}}, {"/specversion", "/id", "/source", "/type"}),
        (
            repayment(amount="-1", colour="red", currency="EU", value_date=7),
            {"/data/amount", "/data/colour", "/data/currency", "/data/value_date"},
        ),
        (client(attributes={"region": "", "colour": 1}), {"/data/attributes/colour"}),
        (
            client(attributes={"region": " x", "branch": "b" * 65}),
            {"/data/attributes/region", "/data/attributes/branch"},
        ),
        (client(attributes={"region": "a\u0000b"}), {"/data/attributes/region"}),
        (event("m", "client.merged", client="C", into="C"), {"/data/into"}),
        (event("m", "client.changed", client="C", attributes={}), {"/data/attributes"}),
        (
            loan(schedule={"kind": "bullet", "first_due": "2020-01-01", "instalments": 0}),
            {"/data/schedule/instalments"},
        ),
        (loan(schedule={"kind": "balloon"}), {"/data/schedule/kind"}),
        (
            loan(
                schedule={"kind": "annuity", "first_due": "2020-01-01", "instalments": 12, "rate": "5.1", "amount": "x"}
            ),
            {"/data/schedule/rate", "/data/schedule/amount"},
        ),
        (
            loan(schedule={"kind": "annuity", "first_due": "2150-01-01", "instalments": 1200}),
            {"/data/schedule/instalments"},
        ),
        (
            loan(
                schedule={
                    "kind": "given",
                    "instalments": [{"due": "2020-03-01", "amount": "5"}, {"due": "2020-03-01", "amount": "-5"}],
                }
            ),
            {"/data/schedule/instalments/1/due", "/data/schedule/instalments/1/amount"},
        ),
        (
            loan(
                schedule={"kind": "given", "instalments": [{"due": "2020-03-01", "amount": "5", "principal": "4"}]},
            ),
            {"/data/schedule/instalments"},
        ),
        (loan(schedule={"kind": "given", "instalments": []}), {"/data/schedule/instalments"}),
        (event("r", "loan.restructured", loan="L"), {"/data/schedule"}),
        (event("r", "loan.restructured", loan="L", holiday_months=0), {"/data/holiday_months"}),
        (event("m", "milestone.reported", project="B", milestone="M"), {"/data"}),
        (
            event("m", "milestone.reported", project="B", milestone="a b", baseline="1899-01-01", actual="2020-02-02"),
            {"/data/milestone", "/data/baseline", "/data/actual"},
        ),
    ],
)
async def test_everything_that_is_wrong_is_told_at_once(
    small_house: House, sent: dict[str, Any], pointers: set[str]
) -> None:
    answer = await send(small_house, json.dumps(sent), ONE)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {one["pointer"] for one in answer.json()["errors"]} == pointers
    assert await small_house.quarantined() == {}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", ONE, 422),
        (b"\xff", ONE, 422),
        (b"[" * 100_000, ONE, 422),
        (b"", ONE, 422),
        (b"{}", BATCH, 400),
        (b"[1, {]", BATCH, 400),
        (b"[1]", BATCH, 200),
        (b"[]", BATCH, 200),
        (b"", LINES, 200),
        (b"{}", "text/plain", 415),
        (b"[" + b"1," * 10_000 + b"1]", BATCH, 413),
        (b"1\n" * 10_001, LINES, 413),
        (b'{"data":"' + b"x" * 1_100_000 + b'"}', ONE, 422),
        (b'{"data":"' + b"x" * 1_100_000 + b'"}', LINES, 200),
    ],
)
async def test_bodies_that_are_no_facts(small_house: House, content: bytes, kind: str, status: int) -> None:
    answer = await send(small_house, content, kind)
    assert answer.status_code == status, answer.text


async def test_a_huge_body_is_not_read_to_its_end(small_house: House) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b"x" * 100_000

    for path in ("/facts", "/clients", "/books"):
        read = 0
        kind = LINES if path == "/facts" else "application/json"
        answer = await small_house.client.post(f"/intake/v1{path}", content=endless(), headers={"content-type": kind})
        assert answer.status_code == 413
        assert read < 200
    told = await small_house.client.post(
        "/intake/v1/facts", content=b"x", headers={"content-type": LINES, "content-length": "100000000"}
    )
    assert told.status_code == 413


async def test_odd_addresses_are_refused(small_house: House) -> None:
    for path in ("/facts/%00", "/facts/" + "x" * 65, "/quarantine/..", "/books/a%00b", "/facts/x?source=%00"):
        answer = await small_house.client.get(f"/intake/v1{path}")
        assert answer.status_code in (404, 422), path
    for path in ("/loans//repayments", "/loans/%00/repayments", f"/loans/{'x' * 65}/repayments"):
        assert (await small_house.post(path, WHEN)).status_code == 422
    assert (await small_house.post("/clients", [])).status_code == 422
    for wrong in ({"id": 5}, {"source": None}, {"id": ""}):
        assert (await small_house.post("/clients", client()["data"] | wrong)).status_code == 422
    allowed = await small_house.client.delete("/intake/v1/books")
    assert (allowed.status_code, allowed.headers["allow"]) == (405, "GET, POST")
    misspelt = await small_house.get("/quarantine", resaon="unknown_loan")
    assert (misspelt.status_code, misspelt.json()["errors"][0]["pointer"]) == (422, "query.resaon")
    plain = await small_house.client.post("/intake/v1/clients", content=b"{}")
    assert plain.status_code == 415


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = (
    "book",
    "client",
    "loan",
    "value_date",
    "known_at",
    "amount",
    "currency",
    "principal",
    "schedule",
    "attributes",
)


@given(
    st.sampled_from([path for path, _ in RESOURCES] + ["/books", "/books/auto/closes"]),
    st.dictionaries(st.sampled_from([*_FIELDS, "id", "source", "body", "fact", "day", "tolerance"]), _JSON, max_size=6),
    st.sampled_from(RESOURCES),
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_input_makes_a_500(
    small_house: House, path: str, wrong: dict[str, Any], right: tuple[str, dict[str, Any]]
) -> None:
    content = json.dumps(WHEN | right[1] | wrong).encode()
    answer = await small_house.client.post(
        f"/intake/v1{path}", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code < 500
