"""B2: peers on the same broker and database server do the task of `benchmarks.peers.task`; the result is checked."""

import asyncio
import shutil
import subprocess
from pathlib import Path

from benchmarks.kafka.servers import Servers, rows_of
from benchmarks.kafka.truth import CURRENCY, Stand, Truth, by_segment_and_month, check_cells
from benchmarks.kafka.watch import Run, watch
from benchmarks.peers.environments import python_of
from benchmarks.peers.tables import TABLES
from shared.kernel.ids import new_id
from tests.support.processes import ROOT, Process

TOPIC = "bench.peers"
PEERS = ("plain_loop", "quix_streams", "bytewax")
USUAL_AT_ONCE, MANY_AT_ONCE = 100, 2_000
"""Records per transaction of the plain loop: what is usual, and as many as risk takes. The others decide themselves."""
_PROGRESS = "SELECT coalesce(sum(records), 0)::bigint, count(*) > 0, true FROM progress"
_TASK = "benchmarks.peers"


class Peers:
    """Runs each peer; raises when its result is not that of the pure fold."""

    def __init__(self, servers: Servers, folder: Path, facts: int, total: int) -> None:
        """`total` records are on their topic, of so many `facts` once repeats and the book's own are left out."""
        self._servers, self._folder, self._facts, self._total = servers, folder, facts, total
        self._pythons = {name: python_of(name) for name in PEERS}
        self.truth = Truth({}, {})

    def run(self, name: str, at_once: int = USUAL_AT_ONCE) -> Run:
        """Run one from the beginning of its topic, in a group and with a state of its own."""
        kept = self._folder / f"{name}-state"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        command = [f"{_TASK}.{name}.run", str(kept)]
        if name == "bytewax":
            subprocess.run([self._pythons[name], "-m", "bytewax.recovery", kept, "1"], check=True, timeout=60)
            command = ["bytewax.run", f"{_TASK}.bytewax.run:flow", "-r", str(kept), "-s", "1", "-b", "0"]
        with self._servers.database(TABLES) as dsn:
            environment = {
                "BENCH_DSN": dsn,
                "BENCH_KAFKA": self._servers.kafka.bootstrap,
                "BENCH_TOPIC": TOPIC,
                "BENCH_GROUP": new_id(),
                "BENCH_RECORDS": str(self._total),
                "BENCH_AT_ONCE": str(at_once),
                "PYTHONPATH": str(ROOT),
            }
            process = Process(command, environment, 0, self._folder / f"{name}.log", self._pythons[name])
            process.start(wait=False)
            try:
                run = asyncio.run(watch(self._servers, [process], dsn, _PROGRESS, self._total))
            finally:
                process.kill()
            self._check(dsn, name)
        return run

    def _check(self, dsn: str, name: str) -> None:
        counters = rows_of(dsn, "SELECT segment, measure, day, value FROM counter WHERE value <> 0")
        cells = {(segment, CURRENCY, measure, day): value for segment, measure, day, value in counters}
        check_cells(cells, self.truth.cells, name)
        months = rows_of(dsn, "SELECT segment, measure, month, value FROM counter_month WHERE value <> 0")
        by_month = {(segment, measure, month): value for segment, measure, month, value in months}
        assert by_month == by_segment_and_month(self.truth.cells), f"{name} counts months otherwise"
        loans = rows_of(dsn, f"SELECT loan, {', '.join(Stand._fields)} FROM loan")
        stands = {loan: Stand(*columns) for loan, *columns in loans}
        assert stands == self.truth.loans, f"{name} has loans otherwise"
        ((kept,),) = rows_of(dsn, "SELECT count(*) FROM fact")
        assert kept == self._facts, f"{name} kept {kept} facts of {self._facts}"
