"""B1 to B3: real Kafka -> risk -> PostgreSQL beside its limits and its peers, with one process and with two."""

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

from benchmarks.kafka.mix import LANES, records
from benchmarks.kafka.peers import MANY_AT_ONCE, PEERS, TOPIC, Peers
from benchmarks.kafka.servers import Servers
from benchmarks.kafka.truth import joined, truth_of
from benchmarks.kafka.watch import Run
from benchmarks.kafka.ways import Ways
from benchmarks.measure import Measured

FACTS = 500_000
PEER_FACTS = 40_000
"""Peers are too slow for all facts; a smaller book is no harder for them."""
ROUNDS = 3
BUDGET_S = 330.0
"""Another round begins only if it can end within this time from the start, unless rounds are asked for."""
MANY = f"plain_loop of {MANY_AT_ONCE:,}"
_TRUTH_PARTS = 2


def measure(size: int | None, rounds: int | None) -> list[Measured]:
    """Load `size` facts, then let every way digest them, round by round; return ratios of medians."""
    facts = size or FACTS
    few = min(PEER_FACTS, facts)
    began = perf_counter()
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder)).running() as servers:
        total = servers.load(records(facts), LANES)
        peers = Peers(servers, Path(folder), few, servers.load(records(few), LANES, TOPIC))
        ways = Ways(servers, Path(folder), total)
        _prepare(ways, peers, facts, few)
        for _ in range(rounds or ROUNDS):
            since = perf_counter()
            _go_round(ways, peers, runs)
            took_s = perf_counter() - since
            if rounds is None and since + 2 * took_s > began + BUDGET_S:
                break
    return _figures(runs)


def _go_round(ways: Ways, peers: Peers, runs: Mapping[str, list[Run]]) -> None:
    runs["one"].append(ways.risk(1))
    runs["limit"].append(ways.limit())
    runs["two"].append(ways.risk(2))
    runs["fold"].append(ways.fold_only())
    for name in PEERS:
        runs[name].append(peers.run(name))
    runs[MANY].append(peers.run("plain_loop", MANY_AT_ONCE))


def _prepare(ways: Ways, peers: Peers, facts: int, few: int) -> None:
    """Record what risk writes, and compute meanwhile what all must come to."""
    with ProcessPoolExecutor(_TRUTH_PARTS) as pool:
        parts = [pool.submit(truth_of, facts, part, _TRUTH_PARTS) for part in range(_TRUTH_PARTS)]
        of_few = pool.submit(truth_of, few)
        counted = ways.record()
        ways.truth, peers.truth = joined(part.result() for part in parts), of_few.result()
    ways.check(counted, "risk while recorded")


def _figures(runs: Mapping[str, list[Run]]) -> list[Measured]:
    rate = {name: statistics.median(run.rate for run in found) for name, found in runs.items()}
    spent = {name: statistics.median(run.us_of_all for run in found) for name, found in runs.items()}
    rates = {f"{name}, facts/s": round(value) for name, value in rate.items()}
    return [
        Measured(
            id="B1_risk_to_limit",
            what="Kafka -> risk -> PostgreSQL, one process, to the limit",
            figure=round(rate["one"] / rate["limit"], 3),
            must=0.6,
            aim=0.8,
            beside={
                "by processor time": spent["limit"] / spent["one"],
                **rates,
                **_processor(runs, "one"),
                **_processor(runs, "limit"),
            },
        ),
        Measured(
            id="B1_risk_to_fold_alone",
            what="the same to fetch + decode + fold without a database",
            figure=round(rate["one"] / rate["fold"], 3),
            must=0.25,
            aim=0.40,
            beside={"by processor time": spent["fold"] / spent["one"], "fold, us/fact": spent["fold"]},
        ),
        Measured(
            id="B1_two_risks_to_fold_alone",
            what="the same with two processes",
            figure=round(rate["two"] / rate["fold"], 3),
            must=0.35,
            aim=0.55,
        ),
        Measured(
            id="B2_risk_to_best_peer",
            what="risk, one process, to the best peer that keeps a durable result",
            figure=round(rate["one"] / max(rate[name] for name in PEERS), 2),
            must=1.5,
            aim=3,
            beside={
                "by processor time": min(spent[name] for name in PEERS) / spent["one"],
                "to the one that a crash leaves right": rate["one"] / rate["plain_loop"],
                **{key: value for name in (*PEERS, MANY) for key, value in _processor(runs, name).items()},
            },
        ),
        Measured(
            id="B3_cpu_of_two_to_one",
            what="processor time per fact, two processes to one",
            figure=round(spent["two"] / spent["one"], 3),
            must=1.15,
            aim=1.05,
            more_is_better=False,
            beside={**_processor(runs, "two"), **_processor(runs, "one")},
        ),
    ]


def _processor(runs: Mapping[str, list[Run]], name: str) -> dict[str, float]:
    """Return the processor time of each kind of process."""
    return {
        f"{name}: {kind}, us/fact": statistics.median(run.us(kind) for run in runs[name])
        for kind in runs[name][0].cpu_s
    }
