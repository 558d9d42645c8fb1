"""What people see of the quarantine, and what they may do."""

from tests.intake.house import House, client, event, loan, repayment, structured


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
