"""What people see of the quarantine, and what they may do."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from services.intake.store.tables import METADATA
from tests.intake.house import House, client, event, loan, record, repayment, structured


async def test_items_are_listed_oldest_first_in_pages(house: House) -> None:
    await house.open_book()
    for number in range(5):
        await house.take(repayment(f"P{number}", "L9"))
        house.clock.advance(1)
    await house.take(event("other", "client.changed", book="else", client="C1", attributes={"region": "TX"}))
    seen, cursor = [], None
    while True:
        page = (await house.get("/quarantine", book="auto", limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"P{number}" for number in range(5)]
    (item,) = (await house.get("/quarantine", reason="unknown_book")).json()["items"]
    assert (item["id"], item["missing"]) == ("other", ["book else", "client else C1"])
    assert (await house.get("/quarantine", state="dismissed")).json()["items"] == []
    assert (await house.get("/quarantine", cursor="???")).status_code == 422
    assert (await house.get("/quarantine", reason="because")).status_code == 422


async def test_an_item_is_shown_with_its_body(house: House) -> None:
    (outcome,) = await house.take(repayment())
    shown = (await house.get(f"/quarantine/{outcome.fact}")).json()
    assert '"amount":"100.00"' in shown["body_text"]
    assert (shown["state"], shown["reason"], shown["fact"]) == ("waiting", "unknown_book", outcome.fact)
    assert (await house.get(f"/quarantine/{'0' * 32}")).status_code == 404


async def test_a_dismissed_item_stays_and_goes_on_no_more(house: House) -> None:
    await house.open_book()
    (outcome,) = await house.take(repayment())
    refused = await house.post(f"/quarantine/{outcome.fact}/dismiss", {"comment": ""})
    assert refused.status_code == 422
    dismissed = await house.post(f"/quarantine/{outcome.fact}/dismiss", {"comment": "sent by mistake"})
    assert (dismissed.status_code, dismissed.json()["state"]) == (200, "dismissed")
    assert dismissed.json()["comment"] == "sent by mistake"
    await house.take(client(), loan())
    assert await house.ledger() == {"client C1", "loan L1"}
    assert (await house.get("/facts/P1")).json()["outcome"] == "dismissed"
    assert (await house.post(f"/quarantine/{outcome.fact}/dismiss", {"comment": "again"})).status_code == 409
    assert (await house.post(f"/quarantine/{outcome.fact}/retry", None)).status_code == 409
    (again,) = await house.take(repayment())
    assert (again.outcome, again.reasons) == ("quarantined", ["unknown_loan", "dismissed"])
    nothing = f"/quarantine/{'0' * 32}"
    assert (await house.post(f"{nothing}/dismiss", {"comment": "x"})).status_code == 404
    assert (await house.post(f"{nothing}/retry", None)).status_code == 404


async def test_a_retry_judges_by_what_is_known_today(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan())
    (clash,) = await house.take(repayment(currency="EUR"))
    again = await house.post(f"/quarantine/{clash.fact}/retry", None)
    assert (again.json()["outcome"], again.json()["reasons"]) == ("quarantined", ["currency_differs"])
    (waits,) = await house.take(repayment("P2", "L2"))
    again = await house.post(f"/quarantine/{waits.fact}/retry", None)
    assert (again.json()["outcome"], again.json()["missing"]) == ("waiting", ["loan auto L2"])
    await house.take(loan("L2"))
    assert (await house.quarantined()) == {"P1": ("quarantined", "currency_differs")}


async def test_a_reused_id_stays_so_when_tried_again(house: House) -> None:
    await house.open_book()
    await house.consume(structured(client(), 0), structured(loan(), 1), structured(repayment(), 2))
    await house.consume(structured(repayment(amount="5.00"), 3))
    (item,) = (await house.get("/quarantine")).json()["items"]
    again = await house.post(f"/quarantine/{item['item']}/retry", None)
    assert again.json()["outcome"] == "conflict"
    assert await house.quarantined() == {"P1": ("quarantined", "id_reused")}


async def rows(house: House) -> list[Any]:
    """Every row of every table."""
    async with house.database.read() as tx:
        return [list(await tx.rows(select(table))) for table in METADATA.sorted_tables]


async def test_a_preview_says_what_a_retry_would_set_free_and_changes_nothing(house: House, tmp_path: Path) -> None:
    """A registration that was too large for the bound of its day; what names the client has waited since."""
    await house.open_book()
    strict = House(house.database, house.clock, tmp_path / "strict", max_fact_bytes=1024)
    large = msgspec.json.encode(client()).ljust(1_025)
    (headers,) = {structured(client()).headers}
    await strict.consume(record(large, 0, headers))
    (item,) = (await house.get("/quarantine")).json()["items"]
    await house.take(loan(), repayment())
    before = await rows(house)
    foreseen = await house.get(f"/quarantine/{item['item']}/preview")
    assert await rows(house) == before
    assert foreseen.status_code == 200
    told = foreseen.json()
    assert (told["outcome"]["outcome"], told["frees"], told["more"]) == ("accepted", 2, 0)
    kinds = Counter((one["kind"], one["before"] is None, one["after"] is None) for one in told["changes"])
    assert kinds == {("fact", True, False): 3, ("item", False, True): 3, ("message", True, False): 3}
    assert (await house.post(f"/quarantine/{item['item']}/retry", None)).json()["outcome"] == "accepted"
    assert await house.ledger() == {"client C1", "loan L1", "P1"}
    assert (await house.get(f"/quarantine/{item['item']}/preview")).status_code == 404


async def test_a_preview_of_what_would_stay_says_why(house: House) -> None:
    await house.open_book()
    (waits,) = await house.take(repayment())
    told = (await house.get(f"/quarantine/{waits.fact}/preview")).json()
    assert (told["outcome"]["outcome"], told["outcome"]["missing"]) == ("waiting", ["loan auto L1"])
    assert (told["frees"], told["changes"]) == (0, [])
    await house.post(f"/quarantine/{waits.fact}/dismiss", {"comment": "a test"})
    assert (await house.get(f"/quarantine/{waits.fact}/preview")).status_code == 409
