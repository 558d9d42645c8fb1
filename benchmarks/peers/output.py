"""Writing changes to PostgreSQL with psycopg: the frameworks' own sinks cannot add to what is there."""

from collections.abc import Iterable

import psycopg

from benchmarks.peers.task import Change

_FACTS = "INSERT INTO fact VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
_LOANS = (
    "INSERT INTO loan VALUES (%s, %s, %s, %s) ON CONFLICT (loan) DO UPDATE "
    "SET region = excluded.region, paid = excluded.paid, oldest_due = excluded.oldest_due"
)
_COUNTERS = (
    "INSERT INTO counter VALUES (%s, %s, %s, %s) ON CONFLICT (region, month) DO UPDATE "
    "SET due = counter.due + excluded.due, missed = counter.missed + excluded.missed"
)


class Output:
    """One connection, one transaction per batch of changes."""

    def __init__(self, dsn: str) -> None:
        """Connect."""
        self._session = psycopg.connect(dsn, autocommit=True)

    def begin(self) -> None:
        """Show that the first record has come."""
        self._session.execute("INSERT INTO progress VALUES (0, 0) ON CONFLICT DO NOTHING")

    def write(self, changes: Iterable[Change]) -> None:
        """Write all changes, summed, in one transaction."""
        total = Change()
        for change in changes:
            total.add(change)
        with self._session.transaction(), self._session.cursor() as cursor:
            cursor.executemany(_FACTS, total.facts)
            cursor.executemany(_LOANS, list(total.loans.values()))
            cursor.executemany(_COUNTERS, total.counter_rows())
            cursor.execute("UPDATE progress SET records = records + %s", (total.records,))
