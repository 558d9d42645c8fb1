"""What could be reached at best: the same bytes written bare."""

import sqlite3
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shared.kernel.ids import digest_of

_ROWS_PER_COMMIT = 1_000
_SINGLE_COMMITS = 300
_decode = msgspec.json.decode


def bare_writes_per_s(folder: Path, lines: Sequence[bytes]) -> float:
    """Return how many of these lines SQLite writes in a second: decoded, hashed, one table, every commit synced."""
    connection = _open(folder / "bare.db")
    began = time.perf_counter()
    for start in range(0, len(lines), _ROWS_PER_COMMIT):
        part = lines[start : start + _ROWS_PER_COMMIT]
        rows = [(_decode(line)["id"], digest_of(line), line) for line in part]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO fact VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
    took_s = time.perf_counter() - began
    connection.close()
    return len(lines) / took_s


def bare_commit_ms(folder: Path) -> float:
    """Return the median time of a commit of one row, synced to disk."""
    connection = _open(folder / "single.db")
    took_ms = []
    for number in range(_SINGLE_COMMITS):
        began = time.perf_counter()
        connection.execute("INSERT INTO fact VALUES (?, '', x'')", (str(number),))
        took_ms.append((time.perf_counter() - began) * 1_000)
    connection.close()
    return statistics.median(took_ms)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE fact (id TEXT PRIMARY KEY, digest TEXT, body BLOB)")
    return connection
