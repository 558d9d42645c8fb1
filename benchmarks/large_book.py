"""A data folder with a large book: a few loans taken in the usual way, then every row of theirs copied many times.

Copied are the rows of what grows with loans: ledgers, names, clients, loans with their states, records of the log. The
copies have ids of their own (`l7-12` is the twelfth copy of `l7`), so that facts can be sent for each of them. Counters
are not copied: nothing here reads figures.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import synthetic
from tests.support.processes import embedded_system

TAKEN = 1_000
"""Loans taken in the usual way."""
INSTALMENTS = 60
_COPIED = "{0} || '-' || i"
_HASHED = "substr({0}, 1, 22) || printf('%010x', i)"
_INTAKE: dict[str, dict[str, str]] = {
    "ledger": {"event_id": _HASHED, "origin_id": _COPIED, "client": _COPIED, "subject": _COPIED},
    "known": {"name": _COPIED, "client": _COPIED, "fact": _HASHED},
}
_RISK: dict[str, dict[str, str]] = {
    "ledger": {"event_id": _HASHED, "offset": "{0} + %d * i", "client": _COPIED, "subject": _COPIED},
    "client": {"client": _COPIED},
    "loan": {"loan": _COPIED, "subject": _COPIED, "client": _COPIED},
}
_ONLY = {
    ("intake", "known"): "name NOT LIKE 'book %'",
    ("risk", "ledger"): "subject LIKE 'loan/%' OR subject LIKE 'client/%'",
}


def make(folder: Path, loans: int) -> None:
    """Make `folder/data` with so many loans, rounded to a multiple of what is taken."""
    with embedded_system(folder) as system:
        assert system.post("/intake/v1/books", synthetic.open_book(branches=False)).status_code == 201
        with synthetic.sender(system) as client:
            for body in synthetic.requests_of(synthetic.clients_and_loans(TAKEN, INSTALMENTS)):
                synthetic.send(client, body)
        system.settle(synthetic.BOOK)
    copies = loans // TAKEN - 1
    if copies < 1:
        return
    for service, tables in (("intake", _INTAKE), ("risk", _RISK)):
        with _opened(folder / "data" / f"{service}.db") as base:
            for table, changed in tables.items():
                _copy(base, table, changed, _ONLY.get((service, table), "true"), copies)
    records = _copy_records(folder / "data" / "log.db", copies)
    for service in ("risk", "notify", "feedback"):
        with _opened(folder / "data" / f"{service}.db") as base:
            base.execute(
                "UPDATE position SET next_offset = ? WHERE topic = 'tocsin.intake' AND next_offset > 0", (records,)
            )


def copies_of(loans: int) -> Sequence[str]:
    """Return the numbers of the loans of a book of this size, as `synthetic.repayment` takes them."""
    taken = [str(number) for number in range(TAKEN)]
    return taken + [f"{number}-{copy}" for copy in range(1, loans // TAKEN) for number in taken]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -1000000")
    connection.execute("BEGIN")
    yield connection
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _copy(base: sqlite3.Connection, table: str, changed: dict[str, str], only: str, copies: int) -> None:
    columns = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
    (rows,) = base.execute(f"SELECT count(*) FROM {table}").fetchone()
    quoted = [f'"{column}"' for column in columns]
    values = [
        changed.get(column, "{0}").format(name).replace("%d", str(rows)) if column in changed else name
        for column, name in zip(columns, quoted, strict=True)
    ]
    base.execute(f"CREATE TEMP TABLE taken AS SELECT * FROM {table} WHERE {only}")
    base.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies})"
        f" INSERT INTO {table} ({', '.join(quoted)}) SELECT {', '.join(values)} FROM n CROSS JOIN taken"
    )
    base.execute("DROP TABLE taken")


def _copy_records(path: Path, copies: int) -> int:
    """Copy the records of `tocsin.intake`; return where the topic ends then."""
    with _opened(path) as base:
        (lane,) = base.execute("SELECT id FROM lane WHERE topic = 'tocsin.intake' AND part = 0").fetchone()
        first = lane << 40
        of_lane: tuple[Any, ...] = (first, first + (1 << 40) - 1)
        (records,) = base.execute("SELECT count(*) FROM record WHERE place BETWEEN ? AND ?", of_lane).fetchone()
        base.execute("CREATE TEMP TABLE taken AS SELECT * FROM record WHERE place BETWEEN ? AND ?", of_lane)
        base.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies})"
            f" INSERT INTO record SELECT place + {records} * i, key, headers, value, timestamp_ms"
            " FROM n CROSS JOIN taken ORDER BY 1"
        )
        return int(records * (copies + 1))
