"""Accepting facts, on every backend: once, in any order, under the right key."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.domain.reading import event_id_of
from services.intake.handlers.accept import accept_facts
from shared.log.lanes import lane_of
from tests.intake.conftest import open_small_house
from tests.intake.house import BOOK, PARTITIONS, House, client, event, loan, repayment
from tests.support.databases import Backend

STORY: tuple[dict[str, Any], ...] = (
    client("C1"),
    client("C2"),
    event("changed", "client.changed", client="C1", attributes={"region": "TX"}),
    event("merged", "client.merged", client="C2", into="C1"),
    loan("L1", "C1"),
    loan("L2", "C2", currency="JPY", principal="100000"),
    repayment("P1"),
    repayment("P2", "L2", "500", currency="JPY"),
    event("back", "repayment.reversed", loan="L1", repayment="P1", currency="USD"),
    event("right", "fact.corrected", fact="P2", body=repayment("", "L2", "400", currency="JPY")["data"]),
    event("right again", "fact.corrected", fact="merged", body={**event("", "")["data"], "client": "C2", "into": "C3"}),
    event("gone", "fact.corrected", fact="changed"),
    event("off", "loan.charged_off", loan="L2"),
    event("project", "project.registered", project="B1", client="C1", currency="EUR"),
    event("report", "project.reported", project="B1", forecast_completion="2025-01-01", budget="10.50"),
    client("C3"),
)


async def test_a_fact_is_accepted_once_and_leaves_under_its_clients_key(house: House) -> None:
    await house.open_book()
    outcomes = await house.take(client(), loan(), repayment())
    assert [one.outcome for one in outcomes] == ["accepted"] * 3
    again = await house.take(repayment(), client())
    assert [one.outcome for one in again] == ["repeated"] * 2
    assert again[0].fact == outcomes[2].fact == event_id_of("tape", "P1")

    sent = [(record, envelope) for record, envelope in await house.sent() if envelope.client]
    assert [envelope.origin_id for _, envelope in sent] == ["client C1", "loan L1", "P1"]
    lane = lane_of("auto/C1", PARTITIONS)
    for record, envelope in sent:
        assert (record.key, record.partition, envelope.client, envelope.book) == (b"auto/C1", lane, "C1", "auto")
        assert envelope.known_at is not None
        assert envelope.known_at.isoformat() == "2020-02-02T00:00:00+00:00"
        assert envelope.time == house.clock.now()
    assert sent[2][1].subject == "L1"
    assert json.loads(sent[2][0].value) == repayment()["data"]


async def test_bodies_leave_byte_for_byte_and_blanks_do_not_make_another_fact(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan())
    body = b'{ "loan":"L1","amount" : "1.00", "currency":"USD", "book":"auto", "value_date":"2020-03-01" }'
    raw = b'{"data":' + body + b',"specversion":"1.0","id":"P","source":"s","type":"tocsin.repayment.received.v1"}'
    kind = {"content-type": "application/cloudevents+json"}
    first = await house.client.post("/intake/v1/facts", content=raw, headers=kind)
    assert first.json()["accepted"] == 1
    assert body in [record.value for record, _ in await house.sent()]
    tidy = msgspec.json.encode(msgspec.json.decode(raw))
    second = await house.client.post("/intake/v1/facts", content=tidy, headers=kind)
    assert second.json()["repeated"] == 1


async def test_the_same_id_with_another_body_is_a_conflict_and_stores_nothing(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan(), repayment())
    (outcome,) = await house.take(repayment(amount="7.00"))
    assert (outcome.outcome, outcome.reasons) == ("conflict", ["id_reused"])
    inside = await house.take(repayment("P2"), repayment("P2"), repayment("P2", amount="7.00"))
    assert [one.outcome for one in inside] == ["accepted", "repeated", "conflict"]
    assert await house.quarantined() == {}


async def test_ids_belong_to_their_source(house: House) -> None:
    await house.open_book()
    other = {**repayment(amount="7.00"), "source": "another system"}
    outcomes = await house.take(client(), loan(), repayment(), other)
    assert [one.outcome for one in outcomes] == ["accepted"] * 4
    back = event("back", "repayment.reversed", "a third system", loan="L1", repayment="P1", currency="USD")
    (waits,) = await house.take(back)
    assert waits.outcome == "waiting"
    by_event_id = event("back", "repayment.reversed", loan="L1", repayment=outcomes[3].fact, currency="USD")
    (taken,) = await house.take(by_event_id)
    assert taken.outcome == "accepted"
    targets = {envelope.origin_id: envelope.target for _, envelope in await house.sent()}
    assert targets["back"] == outcomes[3].fact


async def test_a_fact_waits_and_goes_on_in_the_transaction_of_what_it_waited_for(house: House) -> None:
    (waits,) = await house.take(repayment())
    assert (waits.outcome, waits.reasons) == ("waiting", ["unknown_book", "unknown_loan"])
    assert waits.missing == ["book auto", "loan auto L1"]
    again, other = await house.take(repayment(), repayment(amount="9.00"))
    assert (again.outcome, again.reasons, other.outcome) == ("waiting", ["unknown_book"], "conflict")
    assert (await house.take(loan()))[0].outcome == "waiting"
    assert (await house.take(client()))[0].outcome == "waiting"
    assert await house.count_waiting() == 5
    await house.open_book()
    assert await house.ledger() == {"client C1", "loan L1", "P1"}
    assert await house.quarantined() == {}
    assert await house.count_waiting() == 0
    order = [envelope.origin_id for _, envelope in await house.sent() if envelope.client]
    assert order == ["client C1", "loan L1", "P1"]


async def test_what_waited_together_goes_on_by_value_date(house: House) -> None:
    await house.open_book()
    late = repayment("late", value_date="2020-05-01")
    early = repayment("early", value_date="2020-04-01")
    await house.take(late)
    await house.take(early)
    outcomes = await house.take(client(), loan())
    assert [one.outcome for one in outcomes] == ["accepted", "accepted"]
    order = [envelope.origin_id for _, envelope in await house.sent() if envelope.client]
    assert order == ["client C1", "loan L1", "early", "late"]
    assert (await house.get("/facts/late")).json()["outcome"] == "accepted"


async def test_a_batch_may_come_in_any_order_with_what_waits_in_the_middle(house: House) -> None:
    await house.open_book()
    await house.take(loan())
    outcomes = await house.take(repayment(), client())
    assert [one.outcome for one in outcomes] == ["accepted", "accepted"]
    assert await house.ledger() == {"client C1", "loan L1", "P1"}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (event("again", "loan.disbursed", **loan()["data"] | {"principal": "5.00"}), "loan_already_known"),
        (event("again", "client.registered", client="C1", kind="company"), "client_already_known"),
        (repayment(currency="EUR"), "currency_differs"),
        (
            event(
                "new",
                "loan.restructured",
                loan="L1",
                schedule={"kind": "given", "instalments": [{"due": "2020-05-01", "amount": "1.005"}]},
            ),
            "currency_digits",
        ),
        (event("back", "repayment.reversed", loan="L1", repayment="loan L1", currency="USD"), "target_differs"),
        (event("right", "fact.corrected", fact="loan L1", body=loan("L2")["data"]), "target_differs"),
        (event("right", "fact.corrected", fact="loan L1", body=loan(of="C2")["data"]), "target_differs"),
        (event("right", "fact.corrected", fact="loan L1", body=loan(currency="EUR")["data"]), "currency_differs"),
    ],
)
async def test_a_clash_is_kept_for_a_person(small_house: House, sent: dict[str, Any], reason: str) -> None:
    await small_house.open_book()
    await small_house.take(client(), client("C2"), loan())
    (outcome,) = await small_house.take(sent)
    assert (outcome.outcome, outcome.reasons) == ("quarantined", [reason])
    assert (await small_house.quarantined())[sent["id"]] == ("quarantined", reason)
    (again,) = await small_house.take(sent)
    assert (again.outcome, again.reasons) == ("quarantined", [reason])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("project.reported", {"forecast_completion": "2133-01-01"}),
        ("milestone.reported", {"milestone": "M", "forecast": "2133-01-01"}),
        ("milestone.reported", {"milestone": "M", "baseline": "2133-01-01"}),
    ],
)
async def test_an_implausible_forecast_is_kept_for_a_person(
    small_house: House, name: str, said: dict[str, str]
) -> None:
    await small_house.open_book()
    await small_house.take(client(), event("project", "project.registered", project="B", client="C1", currency="USD"))
    (outcome,) = await small_house.take(event("report", name, project="B", **said))
    assert (outcome.outcome, outcome.reasons) == ("quarantined", ["implausible_forecast"])


async def test_a_correction_is_checked_like_the_fact_that_it_replaces(small_house: House) -> None:
    await small_house.open_book()
    await small_house.take(client(), loan(), repayment())
    body = repayment(amount="-1")["data"] | {"colour": "red"}
    (outcome,) = await small_house.take(event("right", "fact.corrected", fact="P1", body=body))
    assert outcome.outcome == "refused"
    assert [wrong.pointer for wrong in outcome.errors] == ["/data/body/colour", "/data/body/amount"]
    assert await small_house.quarantined() == {}
    await small_house.take(event("early", "fact.corrected", fact="P2", body=body))
    await small_house.take(repayment("P2"))
    assert await small_house.quarantined() == {"early": ("quarantined", "malformed")}


async def test_an_alias_keeps_its_own_key(small_house: House) -> None:
    await small_house.open_book()
    await small_house.take(client(), client("C2"), event("merged", "client.merged", client="C2", into="C1"))
    await small_house.take(loan("L2", "C2"))
    keys = {envelope.origin_id: record.key for record, envelope in await small_house.sent()}
    assert keys["merged"] == keys["loan L2"] == b"auto/C2"


@given(st.permutations(STORY), st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(0, len(STORY)))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_order_ends_with_the_same_ledger_and_nothing_waiting(
    tmp_path_factory: pytest.TempPathFactory, order: list[dict[str, Any]], sizes: list[int], book_at: int
) -> None:
    async with AsyncExitStack() as opened:
        house = await open_small_house(tmp_path_factory.mktemp("keys"), opened)
        position, turn = 0, 0
        while position < len(order):
            if position >= book_at:
                await house.post("/books", BOOK)
            size = sizes[turn % len(sizes)]
            await house.take(*order[position : position + size])
            position, turn = position + size, turn + 1
        await house.post("/books", BOOK)
        assert await house.quarantined() == {}
        assert await house.ledger() == {one["id"] for one in STORY}
        assert await house.count_waiting() == 0
        leaving = [envelope.origin_id for _, envelope in await house.sent() if envelope.client]
        assert sorted(leaving) == sorted(one["id"] for one in STORY)


async def test_facts_and_what_they_wait_for_cannot_miss_each_other(
    backend: Backend, house: House, tmp_path: Path
) -> None:
    """Every fact in a transaction of its own, all at once, over two handles as two processes have."""
    await house.open_book()
    database = backend.open() if isinstance(backend.place, str) else house.database
    (tmp_path / "other").mkdir()
    other = House(database, house.clock, tmp_path / "other")
    for number in range(10):
        facts = [
            client(f"K{number}"),
            loan(f"M{number}", f"K{number}"),
            repayment(f"Q{number}", f"M{number}"),
            event(f"back {number}", "repayment.reversed", loan=f"M{number}", repayment=f"Q{number}", currency="USD"),
            event(f"right {number}", "fact.corrected", fact=f"Q{number}"),
        ]
        turned = facts[number % 5 :] + facts[: number % 5]
        tellers = [(house, other)[place % 2] for place in range(len(turned))]
        await asyncio.gather(*(teller.take(one) for teller, one in zip(tellers, turned, strict=True)))
    assert await house.quarantined() == {}
    assert len(await house.ledger()) == 50


PAIRS = {
    "correction": (repayment(), event("right", "fact.corrected", fact="P1")),
    "reversal": (repayment(), event("back", "repayment.reversed", loan="L1", repayment="P1", currency="USD")),
    "loan": (loan("L2"), repayment("P2", "L2")),
    "client": (client("C2"), loan("L2", "C2")),
    "project": (
        event("project", "project.registered", project="B", client="C1", currency="USD"),
        event("report", "project.reported", project="B", phase="Design"),
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("waiting_first", [True, False])
async def test_two_open_transactions_see_each_other(
    house: House, pair: tuple[dict[str, Any], dict[str, Any]], waiting_first: bool
) -> None:
    """One has written and not committed while the other runs: whoever comes second waits for it, or finds it."""
    await house.open_book()
    await house.take(client(), loan())
    first, second = pair[::-1] if waiting_first else pair
    async with house.database.transaction() as tx:
        await accept_facts(tx, house.desk, [house.read(first)], house.clock.now())
        other = asyncio.create_task(house.take(second))
        await asyncio.wait([other], timeout=0.3)
    await other
    assert await house.quarantined() == {}
    assert await house.ledger() == {"client C1", "loan L1", pair[0]["id"], pair[1]["id"]}


async def test_more_wait_than_fit_on_a_page(small_house: House) -> None:
    await small_house.open_book()
    many = [repayment(f"P{number}", value_date=f"2020-{number % 12 + 1:02d}-01") for number in range(2_300)]
    await small_house.take(*many)
    # Those that back out of a repayment wait for it, and half of them for a loan that never comes.
    backs = [
        event(f"back {number}", "repayment.reversed", loan=f"L{number % 2 + 1}", repayment=f"P{number}", currency="USD")
        for number in range(40)
    ]
    await small_house.take(*backs)
    await small_house.take(client(), loan())
    assert len(await small_house.ledger()) == 2 + 2_300 + 20
    assert set((await small_house.quarantined()).values()) == {("waiting", "unknown_loan")}
    assert await small_house.count_waiting() == 20
    (odd,) = await small_house.take(loan("L2"))
    assert odd.outcome == "accepted"
    assert set((await small_house.quarantined()).values()) == {("quarantined", "target_differs")}
    assert await small_house.count_waiting() == 0
