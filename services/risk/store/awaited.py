"""Revisions of alerts of which notify has not said that it has planned whom to tell (R12)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select, tuple_

from services.risk.store.alerts import RevisionRow
from services.risk.store.tables import ALERT_REVISION, AWAITED, HOUSE
from shared.db.among import among
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.kernel.days import Day

_W = AWAITED.c


class Awaited(NamedTuple):
    """A revision that notify has not answered; the fields are the columns of the table."""

    event_id: str
    alert: str
    revision: int
    book: str
    partition: int
    as_of: Day
    decided_at: int


async def await_answers(tx: Tx, revisions: Sequence[RevisionRow], messages: Sequence[OutboxRow]) -> None:
    """Expect an answer to each revision, which leaves as the message of the same place."""
    rows = [
        Awaited(sent.event_id, row.alert, row.revision, row.book, sent.partition, row.as_of, row.decided_at)
        for row, sent in zip(revisions, messages, strict=True)
    ]
    if rows:
        await tx.insert(AWAITED, Awaited._fields, rows)


async def answered(tx: Tx, event_ids: Iterable[str]) -> int:
    """Expect no answer to these any more; return how many were expected."""
    return await tx.execute(delete(AWAITED).where(among(_W.event_id, event_ids)))


async def awaited_after(tx: Tx, book: str, after: tuple[int, str], limit: int) -> list[Awaited]:
    """Return a book's revisions without an answer, the oldest first, after a place (decided at, event id)."""
    rows = await tx.rows(
        select(AWAITED)
        .where(_W.book == book, tuple_(_W.decided_at, _W.event_id) > tuple_(*after))
        .order_by(_W.decided_at, _W.event_id)
        .limit(limit)
    )
    return [Awaited(*row) for row in rows]


async def oldest_sent(tx: Tx) -> dict[str, tuple[int, int]]:
    """Return by book how many revisions have left and are not answered, and when the oldest of them was decided."""
    unsent = select(HOUSE.outbox.c.event_id).where(HOUSE.outbox.c.event_id == _W.event_id).exists()
    rows = await tx.rows(select(_W.book, func.count(), func.min(_W.decided_at)).where(~unsent).group_by(_W.book))
    return {book: (int(count), int(oldest)) for book, count, oldest in rows}


async def unsent_among(tx: Tx, event_ids: Iterable[str]) -> set[str]:
    """Return those that still wait in the outbox."""
    box = HOUSE.outbox.c
    return {row.event_id for row in await tx.rows(select(box.event_id).where(among(box.event_id, event_ids)))}


async def decided_by_day(tx: Tx, book: str, limit: int) -> list[tuple[Day, int, int]]:
    """Return (day, revisions decided of it, those not answered) of the latest days that have any."""
    revision = ALERT_REVISION.c
    decided = await tx.rows(
        select(revision.as_of, func.count())
        .where(revision.book == book)
        .group_by(revision.as_of)
        .order_by(revision.as_of.desc())
        .limit(limit)
    )
    waiting = await tx.rows(select(_W.as_of, func.count()).where(_W.book == book).group_by(_W.as_of))
    left = {day: int(count) for day, count in waiting}
    return [(day, int(count), left.get(day, 0)) for day, count in decided]
