"""Facts posted by themselves at the same moment share a transaction, and none of them can tell (D23)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from services.intake.api.together import Together
from services.intake.handlers.outcomes import Outcome
from shared import crashpoint
from shared.db.port import DatabaseUnavailable, Tx
from shared.runtime.bell import Bell
from tests.intake.house import House, client, loan, repayment
from tests.support.databases import AnyDatabase

ONE = {"content-type": "application/cloudevents+json"}


class Watched:
    """A database that counts its transactions, and whose commits fail while `down`."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database
        self.transactions = 0
        self.down = False

    def transaction(self, *, snapshot: bool = False) -> AbstractAsyncContextManager[Tx]:
        self.transactions += 1
        return self._open(snapshot)

    @asynccontextmanager
    async def _open(self, snapshot: bool) -> AsyncIterator[Tx]:
        async with self._database.transaction(snapshot=snapshot) as tx:
            yield tx
            if self.down:
                raise DatabaseUnavailable("the disk is full")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


async def told(together: Together, house: House, *events: dict[str, Any]) -> list[str]:
    """Post facts at the same moment; return what became of each, or the kind of its error."""
    found = await asyncio.gather(*(together.take(house.read(one)) for one in events), return_exceptions=True)
    return [one.outcome if isinstance(one, Outcome) else type(one).__name__ for one in found]


@pytest.fixture
async def watched(house: House) -> Watched:
    await house.open_book()
    await house.take(client(), loan())
    return Watched(house.database)


@pytest.fixture
def together(house: House, watched: Watched) -> Together:
    return Together(watched, house.desk, house.clock, Bell(), facts_max=50)


async def test_those_of_a_moment_share_a_transaction(house: House, watched: Watched, together: Together) -> None:
    names = [f"P{number}" for number in range(120)]
    assert await told(together, house, *(repayment(name) for name in names)) == ["accepted"] * 120
    assert watched.transactions == 3
    sent = [envelope.origin_id for _, envelope in await house.sent() if envelope.origin_id.startswith("P")]
    assert sent == names, "facts of one client leave in the order in which they came"
    assert await told(together, house, repayment("P200")) == ["accepted"]


async def test_one_is_not_hurt_by_what_another_is(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan(), repayment("P0"))
    malformed = repayment("P1") | {"data": {"loan": 1}}
    same = repayment("P4")
    posts = [
        (repayment("P2"), 200),
        (malformed, 422),
        (repayment("P3", of="L9"), 202),
        (repayment("P0"), 200),
        (repayment("P0", amount="1.00"), 409),
        (same, 200),
        (same, 200),
        (repayment("P4", amount="2.00"), 409),
        (repayment("P5", currency="EUR"), 202),
    ]
    answers = await asyncio.gather(*(house.post("/facts", body, **ONE) for body, _ in posts))
    assert [answer.status_code for answer in answers] == [status for _, status in posts]
    assert sorted(one.json()["accepted"] for one in answers if one.status_code == 200) == [0, 0, 1, 1]
    assert {"P0", "P2", "P4"} <= await house.ledger()
    assert set(await house.quarantined()) == {"P3", "P5"}


async def test_an_idempotency_key_makes_its_post_the_same_again(house: House) -> None:
    await house.open_book()
    await house.take(client(), loan())
    first = await asyncio.gather(
        house.post("/facts", repayment("P1"), **ONE, **{"Idempotency-Key": "a"}),
        house.post("/facts", repayment("P2"), **ONE),
        house.post("/facts", repayment("P3"), **ONE, **{"Idempotency-Key": "b"}),
    )
    again = await house.post("/facts", repayment("P1"), **ONE, **{"Idempotency-Key": "a"})
    assert [one.json()["accepted"] for one in (*first, again)] == [1, 1, 1, 1]
    assert again.content == first[0].content
    other = await house.post("/facts", repayment("P2"), **ONE, **{"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")


async def test_nobody_is_told_yes_when_the_commit_fails(house: House, watched: Watched, together: Together) -> None:
    watched.down = True
    assert await told(together, house, repayment("P1"), repayment("P2")) == ["DatabaseUnavailable"] * 2
    watched.down = False
    assert "P1" not in await house.ledger()
    assert await told(together, house, repayment("P1"), repayment("P2")) == ["accepted"] * 2


async def test_what_breaks_the_transaction_is_its_own_fault(house: House, together: Together) -> None:
    broken = house.read(repayment("P2"))
    broken.digest = None  # type: ignore[assignment]
    one, two, three = await asyncio.gather(
        together.take(house.read(repayment("P1"))),
        together.take(broken),
        together.take(house.read(repayment("P3"))),
        return_exceptions=True,
    )
    assert isinstance(two, DBAPIError)
    assert [done.outcome for done in (one, three) if isinstance(done, Outcome)] == ["accepted", "accepted"]


async def test_a_crash_before_the_commit_answers_nobody(
    house: House, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(BaseException):
        pass

    def end(point: str) -> None:
        if point == "intake.before_commit":
            raise Ended

    with monkeypatch.context() as patched:
        patched.setattr(crashpoint, "watcher", end)
        assert await told(together, house, repayment("P1"), repayment("P2")) == ["CancelledError"] * 2
    assert not {"P1", "P2"} & await house.ledger()
    assert await told(together, house, repayment("P1"), repayment("P2")) == ["accepted"] * 2
