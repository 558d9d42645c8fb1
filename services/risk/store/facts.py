"""The ledger: each fact once, append-only (D10)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from services.risk.store.tables import LEDGER, SURVEY
from shared.db.among import among, among_given
from shared.db.port import Tx
from shared.events.base import Topic
from shared.kernel.days import Day

LedgerRow = tuple[str, str, int, int, str, str, str, str, int, int, int, str, str, bytes]
"""One row in the order of `COLUMNS`."""
COLUMNS = tuple(column.name for column in LEDGER.columns)

_FOLDED = (
    LEDGER.c.subject,
    LEDGER.c.event_id,
    LEDGER.c.type,
    LEDGER.c.value_date,
    LEDGER.c.known_at,
    LEDGER.c.target,
    LEDGER.c.body,
    LEDGER.c.received_at,
)

_ORDER = (LEDGER.c.subject, LEDGER.c.value_date, LEDGER.c.known_at, LEDGER.c.event_id)
_OF_SUBJECTS = select(*_FOLDED).where(among_given(LEDGER.c.subject, "subjects")).order_by(*_ORDER)
_KNOWN_BY = _OF_SUBJECTS.where(LEDGER.c.known_at <= bindparam("known_by"))
_LAST_DATE = select(func.max(LEDGER.c.value_date)).where(
    LEDGER.c.book == bindparam("of"), LEDGER.c.value_date <= bindparam("up_to")
)


_WAITING = (
    select(LEDGER)
    .where(
        LEDGER.c.book == bindparam("of"),
        LEDGER.c.topic == Topic.FEEDBACK,
        LEDGER.c.partition == bindparam("lane"),
        ~select(SURVEY.c.subject).where(SURVEY.c.subject == LEDGER.c.subject).exists(),
    )
    .order_by(*_ORDER)
)


async def add_facts(tx: Tx, rows: Sequence[LedgerRow]) -> set[str]:
    """Write facts whose id is not there yet; return the ids that were new."""
    new = await tx.insert_new(LEDGER, COLUMNS, rows, ("event_id",))
    return {event_id for (event_id,) in new}


async def surveys_waiting(tx: Tx, book: str, partition: int) -> Sequence[Row[Any]]:
    """Return what came of a lane's surveys of a book before the lane had opened it, and was not folded."""
    return await tx.rows(_WAITING, {"of": book, "lane": partition})


async def digests_of(tx: Tx, event_ids: Iterable[str]) -> dict[str, str]:
    """Return the digest of each fact that is in the ledger."""
    rows = await tx.rows(select(LEDGER.c.event_id, LEDGER.c.digest).where(among(LEDGER.c.event_id, event_ids)))
    return {row.event_id: row.digest for row in rows}


async def subjects_of(tx: Tx, event_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return (subject, type) of each fact that is in the ledger."""
    rows = await tx.rows(
        select(LEDGER.c.event_id, LEDGER.c.subject, LEDGER.c.type).where(among(LEDGER.c.event_id, event_ids))
    )
    return {event_id: (subject, kind) for event_id, subject, kind in rows}


async def facts_of(tx: Tx, subjects: Iterable[str], known_at_us: int | None = None) -> dict[str, list[Row[Any]]]:
    """Return the facts of each subject in their order (D4), only those known by `known_at_us` when it is given."""
    wanted: dict[str, Any] = {"subjects": list(subjects)}
    statement = _OF_SUBJECTS
    if known_at_us is not None:
        statement, wanted["known_by"] = _KNOWN_BY, known_at_us
    found: dict[str, list[Row[Any]]] = {}
    for row in await tx.rows(statement, wanted):
        found.setdefault(row.subject, []).append(row)
    return found


async def last_value_date(tx: Tx, book: str, day: Day) -> Day | None:
    """Return the latest value date of a book's facts up to a day."""
    row = await tx.row(_LAST_DATE, {"of": book, "up_to": day})
    return None if row is None else row[0]


_DATES_PER_QUERY = 50


async def last_value_dates(tx: Tx, book: str, days: Sequence[Day]) -> dict[Day, Day]:
    """Return for each day the latest value date of a book's facts up to it, by one look into the index each."""
    found: dict[Day, Day] = {}
    for start in range(0, len(days), _DATES_PER_QUERY):
        part = days[start : start + _DATES_PER_QUERY]
        latest = func.max(LEDGER.c.value_date)
        asked = [
            select(latest).where(LEDGER.c.book == book, LEDGER.c.value_date <= day).scalar_subquery().label(f"d{day}")
            for day in part
        ]
        row = await tx.row(select(*asked))
        if row is not None:
            found.update({day: last for day, last in zip(part, row, strict=True) if last is not None})
    return found
