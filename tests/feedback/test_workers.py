"""The inviter: woken by what is learned, one process at a time, and nobody invited twice by two at once."""

import asyncio

from services.feedback.handlers.inviting import decide_due
from services.feedback.workers import Inviter, prune
from shared.db.sqlite import open_sqlite
from shared.events.base import Topic
from shared.runtime.bell import Bell
from tests.feedback.house import House, contact, day_closed, loan_closed, revised


async def due_house(house: House, clients: int) -> None:
    """Two occasions of each client are due."""
    await house.open_book()
    for number in range(clients):
        client = f"C{number}"
        await house.tell(Topic.CONTACTS, contact(client))
        await house.tell(
            Topic.INTAKE,
            loan_closed(f"{client}-1", client, "2024-06-03"),
            loan_closed(f"{client}-2", client, "2024-06-03"),
        )
    for lane in range(2):
        await house.tell(Topic.INTAKE, day_closed("2024-06-03"), lane=lane)


async def test_it_invites_when_something_was_learned_and_ends_when_told(house: House) -> None:
    await due_house(house, 1)
    bell, relay, stop = Bell(), Bell(), asyncio.Event()
    running = asyncio.create_task(Inviter(house.database, house.desk, bell, relay, 60.0).run(stop))
    assert await relay.wait(10)
    await house.tell(Topic.CONTACTS, contact("C9"))
    await house.tell(Topic.INTAKE, loan_closed("L9", "C9", "2024-06-03"))
    bell.ring()
    assert await relay.wait(10)
    stop.set()
    await running
    assert sorted((await house.outcomes()).values()) == ["2024-06-04", "2024-06-04", "too_soon"]


async def test_two_at_once_decide_each_occasion_once(house: House) -> None:
    await due_house(house, 20)

    async def decide() -> int:
        decided = 0
        while True:
            async with house.database.transaction() as tx:
                count = await decide_due(tx, house.desk)
            if not count:
                return decided
            decided += count

    assert sum(await asyncio.gather(decide(), decide(), decide())) == 40
    assert sorted((await house.outcomes()).values()) == ["2024-06-04"] * 20 + ["too_soon"] * 20
    assert len(await house.sent()) == 20


async def test_while_another_process_invites_this_one_does_not(house: House) -> None:
    await due_house(house, 1)
    inviter = Inviter(house.database, house.desk, Bell(), Bell(), 60.0)
    async with house.database.claim("feedback inviter"):
        assert await inviter.invite_all() == 0
    assert await inviter.invite_all() == 2


async def test_it_waits_for_a_database_that_is_not_migrated(small_house: House) -> None:
    database, stop, tried = open_sqlite(None), asyncio.Event(), asyncio.Event()

    class Watched(Inviter):
        async def invite_all(self) -> int:
            tried.set()
            return await super().invite_all()

    running = asyncio.create_task(Watched(database, small_house.desk, Bell(), Bell(), 60.0).run(stop))
    await tried.wait()
    stop.set()
    await running
    await database.close()


async def test_idempotency_keys_go_after_a_day(small_house: House) -> None:
    await small_house.tell(Topic.RISK, revised())
    body = {"verdict": "true", "by": "officer-7", "alert": "0a" * 16}
    await small_house.post("/verdicts", body, **{"Idempotency-Key": "k"})
    for hours, gone in ((0, 0), (25, 1)):
        small_house.clock.advance(hours * 3_600)
        async with small_house.database.transaction() as tx:
            assert await prune(tx) == gone
