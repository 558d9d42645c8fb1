"""Writing changes to PostgreSQL with psycopg: the frameworks' own sinks cannot add to what is there."""

from collections.abc import Iterable

import psycopg

from benchmarks.peers.tables import BEGIN, writes_of
from benchmarks.peers.task import Change


class Output:
    """One connection, one transaction per batch of changes."""

    def __init__(self, dsn: str) -> None:
        """Connect."""
        self._session = psycopg.connect(dsn, autocommit=True, cursor_factory=psycopg.RawCursor)

    def begin(self) -> None:
        """Show that the first record has come."""
        self._session.execute(BEGIN)

    def write(self, changes: Iterable[Change]) -> None:
        """Write all changes, summed, in one transaction."""
        total = Change()
        for change in changes:
            total.add(change)
        with self._session.transaction(), self._session.cursor() as cursor:
            for statement, columns in writes_of(total):
                cursor.execute(statement, columns)
