"""B6: a file of facts to committed indicators, embedded, beside SQLite that writes the same rows into the same tables.

The file is sent as NDJSON to `tocsin serve`; the clock stops when the last month is evaluated. The limit writes
every row again that a like run wrote (outbox, its removal and log included), with the same statements, in the same
transactions, into empty files of the same tables, each commit synced, with nothing between the statements.
"""

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import recorded
from benchmarks.measure import Measured
from benchmarks.processor import cpu_s
from benchmarks.throughput import bodies_of, send_all
from tests.support.processes import embedded_system

LOANS = 1_500


def measure(size: int | None, _rounds: int | None) -> list[Measured]:
    """Run once, with `size` loans; return the limit's time as a share of ours."""
    loans = size or LOANS
    beginnings, months = bodies_of(loans)
    facts = sum(body.count(b"\n") for body in [*beginnings, *(body for month in months for body in month)])
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        recording = folder / "recording"
        (folder / "ours").mkdir()
        with embedded_system(folder / "ours") as system:
            pid = system.processes["tocsin"].pid
            spent_s = cpu_s(pid)
            ours_s = send_all(system, loans, beginnings, months)
            spent_s = cpu_s(pid) - spent_s
        (folder / "again").mkdir()
        settings = {"BENCHMARK_RECORDING": str(recording)}
        with embedded_system(folder / "again", settings, module="benchmarks.recorded") as system:
            start = recording.stat().st_size
            send_all(system, loans, beginnings, months)
        (folder / "empty").mkdir()
        with embedded_system(folder / "empty"):
            pass
        limit_s, limit_spent_s, rows = _write_again(list(recorded.read(recording, start)), folder / "empty" / "data")
    return [
        Measured(
            id="B6_file_to_indicators",
            what="file to committed indicators, embedded, of SQLite writing the same rows",
            figure=round(limit_s / ours_s, 3),
            unit="ratio",
            must=0.5,
            aim=0.8,
            more_is_better=True,
            beside={
                "facts/s": facts / ours_s,
                "the limit, facts/s": facts / limit_s,
                "rows per fact": rows / facts,
                "processor, us/fact": spent_s / facts * 1e6,
                "the limit, processor, us/fact": limit_spent_s / facts * 1e6,
            },
        )
    ]


def _write_again(statements: Sequence[recorded.Statement], data: Path) -> tuple[float, float, int]:
    """Write what was recorded; return seconds, seconds of processor, and how many rows."""
    files = {one.file for one in statements if one.many}
    opened = {file: _opened(data / file) for file in sorted(files)}
    rows = sum(len(one.rows) for one in statements if one.many)
    began, spent = time.perf_counter(), time.process_time()
    begun: set[str] = set()
    for file, sql, parameters, many in statements:
        connection = opened.get(file)
        if connection is None or (file not in begun and not sql.startswith("BEGIN")):
            continue
        begun.add(file)
        if many:
            connection.executemany(sql, parameters)
        else:
            connection.execute(sql, parameters)
    took = time.perf_counter() - began, time.process_time() - spent, rows
    for connection in opened.values():
        connection.close()
    return took


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
