"""The simulator itself: worlds repeat exactly, are really disturbed, and show a guard that is missing."""

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import update

from shared.db import positions
from shared.db.house import HouseTables
from shared.db.port import Tx
from tests.support.simulator.book import SHAPES
from tests.support.simulator.ending import run, undisturbed

_TRACE = "import sys; from tests.support.simulator.ending import run; print(run(int(sys.argv[1])).trace)"


def test_the_same_seed_is_the_same_world_also_in_another_process() -> None:
    first, again = run(7), run(7)
    assert first == again
    assert first.trace != run(8).trace
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        told = subprocess.run(
            [sys.executable, "-c", _TRACE, "7"], capture_output=True, text=True, check=True, env=environment
        )
        assert told.stdout.strip() == first.trace


def test_undisturbed_worlds_differ_and_ring() -> None:
    worlds = [undisturbed(shape) for shape in range(SHAPES)]
    assert len({str(world.values) for world in worlds}) == SHAPES
    assert all(len(world.alerts) >= 2 for world in worlds)
    assert {alert[0] for world in worlds for alert in world.alerts} == {
        "missed_payment_rate",
        "charge_off_rate",
        "project_slip_rate",
    }


def test_worlds_are_disturbed_at_every_kind_of_step() -> None:
    counts: Counter[str] = Counter()
    for seed in range(101, 121):
        counts.update(run(seed).counts)
    crashed = {place for place in counts if place.startswith("crash ")}
    assert {f"crash {place}" for place in ("begin", "statement", "write", "commit", "committed", "append")} <= crashed
    assert {"crash appended", "crash claim"} <= crashed
    assert {"fail commit", "fail committed", "fail append", "fail appended"} <= set(counts)
    assert {"stop", "rewind", "rebalance", "cut", "jump", "kill", "end", "more"} <= set(counts)


def test_a_consumer_that_does_not_check_its_epoch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def move_anyhow(
        tx: Tx, house: HouseTables, group: str, topic: str, partition: int, _epoch: int, _at: int, to: int
    ) -> bool:
        table: Any = house.position
        where = (table.c.group_name == group, table.c.topic == topic, table.c.partition == partition)
        await tx.execute(update(table).where(*where).values(next_offset=to))
        return True

    monkeypatch.setattr(positions, "advance", move_anyhow)
    assert any(run(seed).violations for seed in range(1, 100))
