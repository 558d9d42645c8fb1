"""B1 and B3: real Kafka -> risk -> PostgreSQL beside its limits, with one process and with two (issue 5, section 4)."""

import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.kafka.mix import LANES, records
from benchmarks.kafka.servers import Servers
from benchmarks.kafka.truth import true_cells
from benchmarks.kafka.watch import Run
from benchmarks.kafka.ways import Ways
from benchmarks.measure import Measured
from services.risk.domain.cells import Cells, add

FACTS = 500_000
ROUNDS = 2
_TRUTH_PARTS = 2


def measure(size: int | None, rounds: int | None) -> list[Measured]:
    """Load `size` facts, then let every way digest them, round by round; return ratios of medians."""
    facts = size or FACTS
    runs: dict[str, list[Run]] = {name: [] for name in ("one", "two", "limit", "fold")}
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder)).running() as servers:
        total = servers.load(records(facts), LANES)
        ways = Ways(servers, Path(folder), total)
        _prepare(ways, facts)
        for _ in range(rounds or ROUNDS):
            runs["one"].append(ways.risk(1))
            runs["limit"].append(ways.limit())
            runs["two"].append(ways.risk(2))
            runs["fold"].append(ways.fold_only())
    return _figures(runs)


def _prepare(ways: Ways, facts: int) -> None:
    """Record what risk writes, and compute meanwhile what it must come to."""
    with ProcessPoolExecutor(_TRUTH_PARTS) as pool:
        parts = [pool.submit(true_cells, facts, part, _TRUTH_PARTS) for part in range(_TRUTH_PARTS)]
        counted = ways.record()
        truth: Cells = {}
        for part in parts:
            add(truth, part.result())
    ways.true_cells = truth
    ways.check(counted, "risk while recorded")


def _figures(runs: dict[str, list[Run]]) -> list[Measured]:
    rate = {name: statistics.median(run.rate for run in found) for name, found in runs.items()}
    spent = {name: statistics.median(run.us_of_all for run in found) for name, found in runs.items()}
    rates = {f"{name}, facts/s": round(value) for name, value in rate.items()}
    return [
        Measured(
            id="b1_risk_to_limit",
            what="Kafka -> risk -> PostgreSQL, one process, to the limit",
            figure=round(rate["one"] / rate["limit"], 3),
            must=0.6,
            aim=0.8,
            beside={**rates, **_processor(runs, "one"), **_processor(runs, "limit")},
        ),
        Measured(
            id="b1_risk_to_fold_alone",
            what="the same to fetch + decode + fold without a database",
            figure=round(rate["one"] / rate["fold"], 3),
            must=0.25,
            aim=0.40,
            beside={"fold, us/fact": spent["fold"]},
        ),
        Measured(
            id="b1_two_risks_to_fold_alone",
            what="the same with two processes",
            figure=round(rate["two"] / rate["fold"], 3),
            must=0.35,
            aim=0.55,
        ),
        Measured(
            id="b3_cpu_of_two_to_one",
            what="processor time per fact, two processes to one",
            figure=round(spent["two"] / spent["one"], 3),
            must=1.15,
            aim=1.05,
            more_is_better=False,
            beside={**_processor(runs, "two"), **_processor(runs, "one")},
        ),
    ]


def _processor(runs: dict[str, list[Run]], name: str) -> dict[str, float]:
    """Return the processor time of each kind of process."""
    return {
        f"{name}: {kind}, us/fact": statistics.median(run.us(kind) for run in runs[name])
        for kind in runs[name][0].cpu_s
    }
