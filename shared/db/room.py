"""How much more an outbox takes: when the log is away for long, what comes in is refused before the disk is full.

Counting a large outbox costs a second, so it is not counted for each request: what one count has left is given out
until it is used up, and a full one is not counted again at once.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from shared.db.house import HouseTables
from shared.db.port import DatabaseUnavailable, Tx

OUTBOX_ROWS_MAX = 1_000_000
"""Messages of one service that may wait for the log: with bodies of a few hundred bytes, under 1 GB."""
_LOOK_AGAIN_AFTER = timedelta(seconds=1)


class OutboxFull(DatabaseUnavailable):
    """Too much waits for the log: nothing of this was stored, and nothing will be until the relay has caught up."""


class Room:
    """The room in one service's outbox, as far as this process knows; other replicas are seen when it is counted."""

    def __init__(self, rows_max: int = OUTBOX_ROWS_MAX) -> None:
        """Count at the first use."""
        self.rows_max = rows_max
        self._left = 0
        self._full_until: datetime | None = None

    def counted(self, rows: int) -> None:
        """Note how many rows wait, from whoever has counted them."""
        self._left = self.rows_max - rows
        if self._left > 0:
            self._full_until = None

    async def take(self, tx: Tx, house: HouseTables, rows: int) -> None:
        """Take room for so many rows; OutboxFull when there is none. One transaction may go over the bound by what it
        brings, if anything was free before."""
        if self._full_until is not None and tx.now < self._full_until:
            raise self._refusal()
        if self._left <= 0 or self._left < rows:
            self.counted(await self._count(tx, house))
        if self._left <= 0:
            self._full_until = tx.now + _LOOK_AGAIN_AFTER
            raise self._refusal()
        self._left -= rows

    async def _count(self, tx: Tx, house: HouseTables) -> int:
        some = select(house.outbox.c.seq).limit(self.rows_max).subquery()
        row = await tx.row(select(func.count()).select_from(some))
        return 0 if row is None else int(row[0])

    def _refusal(self) -> OutboxFull:
        return OutboxFull(f"{self.rows_max} messages wait for the log; nothing more is taken before it takes them")
