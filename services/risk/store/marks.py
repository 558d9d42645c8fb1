"""Marks: what the evaluator has to look at again; anomalies, which the fold leaves behind."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, delete, func, select

from services.risk.store.tables import ANOMALY, MARK
from shared.db.among import among, among_given
from shared.db.port import Tx
from shared.kernel.days import Day

_ORIGINS = (
    select(MARK.c.origin)
    .where(MARK.c.book == bindparam("of"))
    .distinct()
    .order_by(MARK.c.origin)
    .limit(bindparam("most"))
)
_MARKS = (
    select(MARK)
    .where(MARK.c.book == bindparam("of"), MARK.c.origin.in_(_ORIGINS))
    .order_by(MARK.c.origin, MARK.c.segment, MARK.c.dirty_from)
)
_DROP = delete(MARK).where(MARK.c.book == bindparam("of"), among_given(MARK.c.origin, "origins"))

EVERY_SEGMENT = "*"
"""A mark on all segments of a book."""


class Mark(NamedTuple):
    """A segment of a book whose counters changed from a day on; the fields are the columns of the table."""

    book: str
    origin: str
    """What made it: unique per book."""
    segment: str
    dirty_from: Day
    known_at: int
    cause: str
    traceparent: str = ""
    """Of what last changed it: the trace in which an alert goes on."""


async def add_marks(tx: Tx, marks: Sequence[Mark]) -> None:
    """Write marks."""
    if marks:
        await tx.insert(MARK, Mark._fields, marks)


async def marks_of(tx: Tx, book: str, origins: int) -> list[Mark]:
    """Return all marks of so many origins of a book."""
    rows = await tx.rows(_MARKS, {"of": book, "most": origins})
    return [Mark(*row) for row in rows]


async def drop_marks(tx: Tx, book: str, origins: Iterable[str]) -> None:
    """Delete all marks of these origins: they have been looked at."""
    await tx.execute(_DROP, {"of": book, "origins": list(origins)})


async def count_marks(tx: Tx, book: str | None) -> int:
    """Return how many marks wait, of one book or of all."""
    statement = select(func.count()).select_from(MARK)
    row = await tx.row(statement if book is None else statement.where(MARK.c.book == book))
    return 0 if row is None else int(row[0])


class AnomalyRow(NamedTuple):
    """A fact that contradicts its subject; the fields are the columns of the table."""

    subject: str
    event_id: str
    reason: str
    book: str
    client: str
    value_date: Day


async def replace_anomalies(tx: Tx, subjects: Sequence[str], rows: Sequence[AnomalyRow]) -> None:
    """Forget the anomalies of subjects that were folded again, and write what is known now."""
    if subjects:
        await tx.execute(delete(ANOMALY).where(among(ANOMALY.c.subject, subjects)))
    if rows:
        await tx.insert_new(ANOMALY, AnomalyRow._fields, rows, ("subject", "event_id", "reason"))


async def anomalies_of(tx: Tx, subject: str) -> Sequence[Row[Any]]:
    """Return the anomalies of one loan, project or client."""
    return await tx.rows(
        select(ANOMALY).where(ANOMALY.c.subject == subject).order_by(ANOMALY.c.value_date, ANOMALY.c.event_id)
    )


async def count_anomalies(tx: Tx, book: str) -> int:
    """Return the number of anomalies of a book."""
    row = await tx.row(select(func.count()).select_from(ANOMALY).where(ANOMALY.c.book == book))
    return 0 if row is None else int(row[0])
