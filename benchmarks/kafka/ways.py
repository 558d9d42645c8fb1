"""The ways from the topic to the figures: risk alone and twice, the limit, the fold without a database."""

import asyncio
import contextlib
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kafka import truth
from benchmarks.kafka.mix import BOOK, LANES
from benchmarks.kafka.servers import Servers, rows_of
from benchmarks.kafka.truth import Truth
from benchmarks.kafka.watch import Run, watch
from services.risk.domain.cells import Cells
from shared.events.base import Topic
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.support.processes import Process, free_port

_STOP_TIMEOUT_S = 60.0
"""A recording is written at the end."""
_PROGRESS = f"""
SELECT coalesce(sum(next_offset), 0)::bigint,
       sum(next_offset) > 0 AND (SELECT count(*) FROM (SELECT owner FROM position WHERE topic = '{Topic.INTAKE}'
                              GROUP BY owner HAVING count(*) = {{lanes}}) balanced) = {{owners}},
       NOT EXISTS (SELECT FROM mark)
FROM position WHERE topic = '{Topic.INTAKE}'
"""


class Ways:
    """Runs each way on the same servers and the same topic; raises when a result is not the truth."""

    def __init__(self, servers: Servers, folder: Path, total: int) -> None:
        """`total` records are on risk's topic."""
        self._servers, self._folder, self._total = servers, folder, total
        self._recording = folder / "recording"
        self._keys = folder / "keys.json"
        KeyRing(self._keys).add("bench", RIGHTS, "2020-01-01T00:00:00+00:00")
        self.truth = Truth({}, {})

    def record(self) -> Cells:
        """Run risk once, keep what its batches write, and return what it counts; set the indicators that must come."""
        with self._servers.database("risk") as dsn:
            with self._processes(["benchmarks.kafka.record", str(self._recording)], dsn, 1) as processes:
                self._watched(processes, dsn)
            return truth.kept_cells(dsn)

    def risk(self, replicas: int) -> Run:
        """Run the real service in so many processes."""
        with self._servers.database("risk") as dsn:
            with self._processes(["services.risk"], dsn, replicas) as processes:
                run = self._watched(processes, dsn)
            self.check(truth.kept_cells(dsn), f"risk with {replicas} processes")
            oldest_due = {name: stand.oldest_due for name, stand in self.truth.loans.items()}
            assert truth.kept_oldest_due(dsn) == oldest_due, "loans are not covered as far as they must be"
            self._check_indicator(dsn)
        return run

    def limit(self) -> Run:
        """Write what risk writes, without risk."""
        with self._servers.database("risk") as dsn:
            with self._processes(["benchmarks.kafka.limit", str(self._recording)], dsn, 1) as processes:
                progress = _PROGRESS.format(lanes=LANES, owners=1).replace("NOT EXISTS (SELECT FROM mark)", "true")
                run = asyncio.run(watch(self._servers, processes, dsn, progress, self._total))
            self.check(truth.kept_cells(dsn), "the limit")
        return run

    def fold_only(self) -> Run:
        """Fold in memory."""
        path = self._folder / "folded"
        process = Process(
            ["benchmarks.kafka.fold_only", str(self._total), str(path)],
            {"TOCSIN_KAFKA": self._servers.kafka.bootstrap},
            0,
            self._folder / "fold.log",
        )
        process.start(wait=False)
        if process.wait(400):
            raise RuntimeError(process.output())
        with path.open("rb") as file:
            facts, wall_s, cpu_s, cells = pickle.load(file)
        self.check(cells, "the fold alone")
        return Run(facts, wall_s, {"python": cpu_s})

    def _watched(self, processes: list[Process], dsn: str) -> Run:
        replicas = len(processes)
        progress = _PROGRESS.format(lanes=LANES // replicas, owners=replicas)
        return asyncio.run(watch(self._servers, processes, dsn, progress, self._total))

    @contextlib.contextmanager
    def _processes(self, command: list[str], dsn: str, count: int) -> Iterator[list[Process]]:
        processes = []
        for number in range(count):
            port = free_port()
            environment = {
                "TOCSIN_DATABASE_URL": dsn,
                "TOCSIN_KAFKA": self._servers.kafka.bootstrap,
                "TOCSIN_KEYS_FILE": str(self._keys),
                "TOCSIN_HTTP_PORT": str(port),
                "TOCSIN_PARTITIONS": str(LANES),
            }
            processes.append(Process(command, environment, port, self._folder / f"{command[0]}{number}.log"))
        try:
            for process in processes:
                process.start(wait=False)
            yield processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(_STOP_TIMEOUT_S)

    def check(self, cells: Cells, whose: str) -> None:
        """Raise when counters are not the truth."""
        truth.check_cells(cells, self.truth.cells, whose)

    def _check_indicator(self, dsn: str) -> None:
        """The published values of missed payments are the sums of the true cells."""
        rows = rows_of(
            dsn,
            "SELECT DISTINCT ON (segment, period) segment, period, numerator, denominator FROM indicator_value "
            f"WHERE book = '{BOOK}' AND indicator = 'missed_payment_rate' AND segment LIKE 'region=%' "
            "ORDER BY segment, period, revision DESC",
        )
        assert rows, "no indicator was published"
        true = truth.by_region_and_month(self.truth.cells, ("missed_loans", "due_loans"))
        for segment, period, numerator, denominator in rows:
            expected = true.get((segment.removeprefix("region="), period), [0, 0])
            assert [numerator, denominator] == expected, (segment, period, numerator, denominator)
