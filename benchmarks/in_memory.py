"""B7: the pure fold in memory, beside a plain dict loop; and a refresh by 10,000 new facts, beside DuckDB over Parquet.

Both loops get the same records of a usual mix, decode them with msgspec, keep everything as objects, and come to the
same cells, which must be the slow truth. The plain loop is the step of the peers of B2, by hand for this mix alone.

The refresh folds 10,000 new repayments into what a million and five million facts came to, and reads the rates of all
regions and months; the stored loans are copies of loans that were folded. DuckDB recomputes the same rates by SQL from
Parquet files, on two threads.
"""

import gc
import random
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

from benchmarks.kafka import mix
from benchmarks.kafka.fold_only import Memory
from benchmarks.kafka.truth import CURRENCY, check_cells, truth_of
from benchmarks.measure import Measured
from benchmarks.peers.environments import python_of
from benchmarks.peers.task import Change, State, step
from services.risk.domain.cells import Cells
from shared.events import facts
from shared.kernel.days import month_of
from shared.log.port import Outgoing, Record

FACTS, NEW, ROUNDS = 40_000, 10_000, 3
STORED = (1_000_000, 5_000_000)
_BATCH = 2_000
_ROOT = Path(__file__).parents[1]
Result = TypeVar("Result")


def measure(size: int | None, rounds: int | None) -> list[Measured]:
    """Run with `size` facts; return ratios."""
    count = size or FACTS
    batches = _batches(mix.records(count))
    ours_us, plain_us = _loops_us(batches, count, rounds or ROUNDS)
    refreshed = {stored: _refresh_s(batches, count, stored) for stored in STORED}
    duckdb = {stored: _duckdb_s(stored) for stored in STORED}
    small, large = STORED
    return [
        Measured(
            id="B7_fold_in_memory",
            what="fold and contributions in memory, per core, of a plain dict loop",
            figure=round(plain_us / ours_us, 3),
            unit="ratio",
            must=0.5,
            aim=0.8,
            more_is_better=True,
            beside={"fold, processor us/fact": ours_us, "plain loop, processor us/fact": plain_us},
        ),
        Measured(
            id="B7_refresh_growth",
            what=f"refresh by {NEW:,} new facts with {large:,} stored, of that with {small:,}",
            figure=round(refreshed[large] / refreshed[small], 3),
            unit="ratio",
            must=1.2,
            aim=1.05,
            more_is_better=False,
            beside={f"with {stored:,}, processor s": spent for stored, spent in refreshed.items()},
        ),
        Measured(
            id="B7_refresh_of_duckdb",
            what=f"refresh by {NEW:,} new facts with {large:,} stored, of DuckDB recomputing",
            figure=round(refreshed[large] / duckdb[large][0], 3),
            unit="ratio",
            must=1.0,
            aim=0.5,
            more_is_better=False,
            beside={
                f"DuckDB with {stored:,}, {what} s": spent[place]
                for stored, spent in duckdb.items()
                for place, what in ((0, "wall"), (1, "processor"))
            },
        ),
    ]


def _loops_us(batches: Sequence[Sequence[Record]], count: int, rounds: int) -> tuple[float, float]:
    """Return the processor time per fact of the fold and of the plain loop; raise when either counts otherwise."""
    true = truth_of(count).cells
    times: defaultdict[Callable[..., Cells], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for loop in (_fold_cells, _plain_cells):
            spent_s, cells = _spent(loop, batches)
            check_cells(cells, true, loop.__name__)
            times[loop].append(spent_s)
    each = 1e6 / sum(map(len, batches))
    return statistics.median(times[_fold_cells]) * each, statistics.median(times[_plain_cells]) * each


def _batches(records: Iterable[Outgoing]) -> list[list[Record]]:
    lanes: defaultdict[int, list[Record]] = defaultdict(list)
    for topic, lane, key, headers, value in records:
        lanes[lane].append(Record(topic, lane, len(lanes[lane]), key, headers, value, 0))
    return [of[start : start + _BATCH] for of in lanes.values() for start in range(0, len(of), _BATCH)]


def _spent(
    loop: Callable[[Sequence[Sequence[Record]]], Result], batches: Sequence[Sequence[Record]]
) -> tuple[float, Result]:
    gc.collect()
    gc.freeze()
    began = time.process_time()
    result = loop(batches)
    return time.process_time() - began, result


def _plain_cells(batches: Sequence[Sequence[Record]]) -> Cells:
    states: dict[str, State] = {}
    change = Change()
    for batch in batches:
        for record in batch:
            key = record.key.decode()
            states[key] = step(states.get(key), record.headers, record.value, change)
    return {
        (segment, CURRENCY, measure_, day): value
        for segment, rows in change.by_segment().items()
        for (measure_, day), value in rows.items()
        if value
    }


def _fold_cells(batches: Sequence[Sequence[Record]]) -> Cells:
    return _fold(batches).cells


def _fold(batches: Sequence[Sequence[Record]]) -> Memory:
    memory = Memory()
    for batch in batches:
        memory.fold(batch)
    return memory


def _refresh_s(batches: Sequence[Sequence[Record]], count: int, stored: int) -> float:
    """Return the processor time of a refresh with so many facts stored."""
    memory, copies = _fold(batches), stored // count
    memory.copy(copies - 1)
    dice = random.Random(7)
    loans = count // mix.FACTS_PER_LOAN
    new = []
    for number in range(NEW):
        loan, copy = dice.randrange(loans), dice.randrange(copies)
        new.append(_repayment(number, f"{loan}-{copy}" if copy else str(loan)))
    prepared = _batches(new)

    def refresh(_: object) -> None:
        for batch in prepared:
            memory.fold(batch)
        _rates(memory.cells)

    return _spent(refresh, ())[0]


def _repayment(number: int, name: str) -> Outgoing:
    day = date(2025, 1, 20)
    fact = facts.RepaymentReceived(book=mix.BOOK, value_date=day, loan=f"l{name}", amount="110.00", currency="USD")
    return mix.record_of(mix.Told(day, fact, f"new-{number}", f"c{name}", f"l{name}"))


def _rates(cells: Cells) -> dict[tuple[str, int], float]:
    """Return the missed payment rate of each region and month."""
    sums: defaultdict[tuple[str, int, str], int] = defaultdict(int)
    for (segment, _, measure_, day), value in cells.items():
        if measure_ in ("due_loans", "missed_loans"):
            sums[segment, month_of(day), measure_] += value
    return {
        (segment, month): sums.get((segment, month, "missed_loans"), 0) / due
        for (segment, month, measure_), due in sums.items()
        if measure_ == "due_loans" and due
    }


def _duckdb_s(stored: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [python_of("duckdb_sql"), "-m", "benchmarks.peers.duckdb_sql.run", str(stored), folder]
        told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT).stdout
    wall, spent = map(float, told.split())
    return wall, spent
