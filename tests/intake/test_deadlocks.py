"""Transactions that set facts of several clients free do not stand in each other's way (PostgreSQL locks rows)."""

import asyncio

from tests.intake.house import House, client, event

PAIRS = 12


async def test_two_clients_that_wait_for_each_other_arrive_at_the_same_time(house: House) -> None:
    await house.open_book()
    for number in range(PAIRS):
        ann, bob = f"A{number}", f"B{number}"
        await house.take(
            event(f"{ann} into {bob}", "client.merged", client=ann, into=bob),
            event(f"{bob} into {ann}", "client.merged", client=bob, into=ann),
        )
    for number in range(PAIRS):
        told = await asyncio.gather(house.take(client(f"A{number}")), house.take(client(f"B{number}")))
        assert [one.outcome for outcomes in told for one in outcomes] == ["accepted", "accepted"]
    assert len(await house.ledger()) == 4 * PAIRS
    assert await house.quarantined() == {}
