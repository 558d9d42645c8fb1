"""A small `make kills`: SIGKILL at random moments while facts stream in ends like a calm run."""

from pathlib import Path

from tests.support import kills

FACTS, KILLS, SEED = 20_000, 5, 7


def test_killed_at_random_moments_it_ends_like_a_calm_run(tmp_path: Path) -> None:
    calm = kills.run(tmp_path / "calm", FACTS, 0, SEED)
    assert calm.facts > 0.9 * FACTS
    assert len(calm.told["alerts"]) >= 10
    killed = kills.run(tmp_path / "killed", FACTS, KILLS, SEED)
    assert killed.facts == killed.distinct == calm.facts
    assert killed.told == calm.told
    assert killed.hash == calm.hash
