"""The seeded simulator: whatever the order, the repeats, the crashes and the zombies, the end is the same."""

import asyncio
import datetime as dt
import os
from typing import Any

import pytest

from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.support import small_book
from tests.support.simulator import World

FIRST, SEEDS = int(os.environ.get("FROM", "1")), int(os.environ.get("SEEDS", "12"))
"""The same seed is the same world: one that failed is replayed by `make simulate FROM=seed SEEDS=1`."""
LATE = [
    small_book.fact("late-1", "repayment.received", dt.date(2023, 5, 20), loan="l0", amount="110.00", currency="EUR"),
    small_book.fact("back", "repayment.reversed", dt.date(2023, 7, 3), loan="l9", repayment="p9-2", currency="EUR"),
    small_book.fact("move", "client.changed", dt.date(2023, 6, 10), client="c3", attributes={"region": "north"}),
    small_book.fact(
        "fixed",
        "fact.corrected",
        dt.date(2023, 8, 1),
        fact="p19-1",
        body={"book": "small", "value_date": "2023-03-20", "loan": "l19", "amount": "55.00", "currency": "EUR"},
    ),
]
FACTS = [
    *small_book.beginnings(),
    *(fact for index in range(len(small_book.MONTHS)) for fact in small_book.month_of_facts(index)),
    *LATE,
]
CLOSES = [
    {"day": small_book.end_of(index).isoformat(), "known_at": f"{small_book.end_of(index)}T23:00:00Z"}
    for index in range(len(small_book.MONTHS))
]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[KeyRing, str]:
    keys = KeyRing(tmp_path_factory.mktemp("keys") / "keys.json")
    return keys, keys.add("simulator", RIGHTS, "2020-01-01")[1]


async def calm(key: tuple[KeyRing, str]) -> dict[str, Any]:
    world = World(0, *key)
    await world.begin()
    await world._send(FACTS)
    for close in CLOSES:
        assert await world.ask("POST", "/intake/v1/books/small/closes", close) == 201
    await world.settle()
    ending = await world.ending()
    await world.close()
    return ending


@pytest.fixture(scope="module")
def undisturbed(key: tuple[KeyRing, str]) -> dict[str, Any]:
    return asyncio.run(calm(key))


async def disturbed(seed: int, key: tuple[KeyRing, str]) -> tuple[dict[str, Any], World]:
    world = World(seed, *key)
    await world.begin()
    await world.disturb(FACTS, CLOSES)
    ending = await world.ending()
    await world.close()
    return ending, world


def test_an_undisturbed_world_takes_every_fact_once_and_rings(undisturbed: dict[str, Any]) -> None:
    assert len(undisturbed["ledger"]) == len({fact["id"] for fact in FACTS})
    assert len(undisturbed["alerts"]) >= 2
    assert undisturbed["unsent"] == []


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_disturbed_world_ends_the_same(seed: int, key: tuple[KeyRing, str], undisturbed: dict[str, Any]) -> None:
    ending, world = asyncio.run(disturbed(seed, key))
    assert world.crashes, "the dice never crashed anything"
    for what, expected in undisturbed.items():
        assert ending[what] == expected, f"seed {seed}: {what} differ after crashes {world.crashes}"
