"""Whatever is sent, each fact is in the ledger, in quarantine or refused, with its reason; nothing stops the others."""

import asyncio
import os
from typing import Any

import pytest

from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.fuzz.siege import Siege
from tests.support import small_book

FACTS_PER_SEED = 4_000
FACTS, FIRST = int(os.environ.get("FACTS", "20000")), int(os.environ.get("SEED", "1"))
"""The same seed sends the same facts: one that failed is replayed by `make fuzz SEED=seed FACTS=4000`."""
KEPT: tuple[int, ...] = ()
"""Seeds that once found something."""
SEEDS = sorted({*range(FIRST, FIRST + max(1, FACTS // FACTS_PER_SEED)), *(KEPT if "SEED" not in os.environ else ())})


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[KeyRing, str]:
    keys = KeyRing(tmp_path_factory.mktemp("keys") / "keys.json")
    return keys, keys.add("fuzzer", RIGHTS, "2020-01-01")[1]


async def besieged(seed: int, key: tuple[KeyRing, str], facts: int) -> tuple[Siege, dict[str, Any]]:
    """Send so many facts, valid ones of the small book in between, and hold what must hold after each of its months."""
    siege = Siege(seed, *key)
    await siege.begin()
    try:
        await siege.valid(small_book.beginnings())
        for index in range(len(small_book.MONTHS)):
            month = small_book.month_of_facts(index)
            while month or siege.facts * len(small_book.MONTHS) < facts * (index + 1):
                if month and (not facts or siege.dice.random() < 0.2):
                    await siege.valid([month.pop(0) for _ in range(min(5, len(month)))])
                else:
                    await siege.strike()
            await siege.work()
            for book in ("small", "fuzzed"):
                await siege.close_month(book, index)
        await siege.work()
        await siege.account()
        await siege.read_everything()
        return siege, await siege.small()
    finally:
        await siege.world.close()


@pytest.fixture(scope="module")
def alone(key: tuple[KeyRing, str]) -> dict[str, Any]:
    """What becomes of the valid facts alone."""
    return asyncio.run(besieged(0, key, 0))[1]


def test_the_valid_facts_alone_ring(alone: dict[str, Any]) -> None:
    assert len(alone["alerts"]) >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_is_sent_is_lost_or_stops_the_others(
    seed: int, key: tuple[KeyRing, str], alone: dict[str, Any]
) -> None:
    siege, small = asyncio.run(besieged(seed, key, FACTS_PER_SEED))
    assert small == alone
    assert siege.facts >= FACTS_PER_SEED
    assert siege.told.keys() >= {"accepted", "repeated", "waiting", "quarantined", "refused"}, "the fuzzer is too tame"
