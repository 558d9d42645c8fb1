"""What every peer writes to PostgreSQL, a set of rows with each statement."""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.peers.task import Change

TABLES = """
CREATE TABLE fact (id text PRIMARY KEY, client text NOT NULL, type text NOT NULL, body bytea NOT NULL);
CREATE TABLE client (client text PRIMARY KEY, state bytea NOT NULL);
CREATE TABLE loan (
    loan text PRIMARY KEY, client text NOT NULL, status text NOT NULL, started int NOT NULL, ended int,
    principal bigint NOT NULL, paid bigint NOT NULL, covered int NOT NULL, oldest_due int
);
CREATE TABLE counter (
    segment text, measure text, day int, value bigint NOT NULL, PRIMARY KEY (segment, measure, day)
);
CREATE TABLE counter_month (
    segment text, measure text, month int, value bigint NOT NULL, PRIMARY KEY (segment, measure, month)
);
CREATE TABLE progress (worker int PRIMARY KEY, records bigint NOT NULL);
"""
"""`client` is for those that keep their state in PostgreSQL."""

BEGIN = "INSERT INTO progress VALUES (0, 0) ON CONFLICT DO NOTHING"
"""Shows that the first record has come."""
SAVE_STATES = (
    "INSERT INTO client SELECT * FROM unnest($1::text[], $2::bytea[]) "
    "ON CONFLICT (client) DO UPDATE SET state = excluded.state"
)
_FACTS = (
    "INSERT INTO fact SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) ON CONFLICT (id) DO NOTHING"
)
_LOANS = (
    "INSERT INTO loan SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[], "
    "$6::bigint[], $7::bigint[], $8::int[], $9::int[]) "
    "ON CONFLICT (loan) DO UPDATE SET status = excluded.status, ended = excluded.ended, "
    "principal = excluded.principal, paid = excluded.paid, covered = excluded.covered, oldest_due = excluded.oldest_due"
)
_COUNTERS = (
    "INSERT INTO counter SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) "
    "ON CONFLICT (segment, measure, day) DO UPDATE SET value = counter.value + excluded.value"
)
_MONTHS = (
    "INSERT INTO counter_month SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) "
    "ON CONFLICT (segment, measure, month) DO UPDATE SET value = counter_month.value + excluded.value"
)
_PROGRESS = "UPDATE progress SET records = records + $1"


def writes_of(change: Change) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the statements that write a change, each with its parameters: the columns of its rows."""
    by_day, by_month = change.counter_rows()
    loans = list(change.loans.values())
    for statement, rows in ((_FACTS, change.facts), (_LOANS, loans), (_COUNTERS, by_day), (_MONTHS, by_month)):
        if rows:
            yield statement, columns_of(rows)
    yield _PROGRESS, (change.records,)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)]
