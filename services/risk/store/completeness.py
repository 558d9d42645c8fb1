"""Queries on what was folded, as it is counted, and on the closes at which it is compared with what was accepted."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, or_, select

from services.risk.domain.completeness import OPEN_ENDED, LaneState
from services.risk.store.tables import DEAD_LETTER, FOLDED, LANE_CLOSE, LEDGER
from shared.db.among import among_given
from shared.db.letters import RETRIED, SAME_ID_OTHER_BODY, DeadLetter
from shared.db.port import Tx
from shared.events.base import Topic
from shared.events.facts import FACTS
from shared.kernel.days import Day
from shared.kernel.tally import Tally, pack_ids, tally_of, unpack_ids

_F, _C = FOLDED.c, LANE_CLOSE.c
_BETWEEN = (
    _F.book == bindparam("of"),
    _F.partition == bindparam("lane"),
    _F.offset > bindparam("after"),
    _F.offset < bindparam("before"),
)
_SUM = select(func.sum(_F.facts), func.sum(_F.digest)).where(*_BETWEEN)
_PARTS = select(_F.offset, _F.facts).where(*_BETWEEN).order_by(_F.offset).limit(bindparam("most"))
_IDS = _PARTS.with_only_columns(_F.ids).where(_F.offset <= bindparam("last"))
_BEFORE = (
    select(LANE_CLOSE)
    .where(_C.book == bindparam("of"), _C.partition == bindparam("lane"), _C.offset < bindparam("before"))
    .order_by(_C.offset.desc())
    .limit(1)
)
_KEPT = select(LEDGER.c.event_id).where(among_given(LEDGER.c.event_id, "ids"))
_PARTS_MAX = 1_000
_LETTERS_MAX = 10_000
IDS_AT_ONCE = 5_000
FOREVER_OFFSET = 2**62
"""Behind every close: the open day reaches to here."""


class Span(NamedTuple):
    """The part of a lane between two closes of a book: the facts of a business day."""

    book: str
    partition: int
    after: int
    before: int


class LaneClose(NamedTuple):
    """A close in a lane, and how it compares; the fields are the columns of the table."""

    book: str
    partition: int
    offset: int
    since: Day
    day: Day
    accepted: int | None
    accepted_digest: int
    folded: int
    missing: int
    unaccepted: int
    state: str
    closed_at: int

    @property
    def tally(self) -> Tally | None:
        """What intake accepted, where it said so."""
        return None if self.accepted is None else Tally(self.accepted, self.accepted_digest)


async def add_folded(tx: Tx, partition: int, folded: Sequence[tuple[str, int, Sequence[str]]]) -> None:
    """Count facts of a lane: (book, offset of the last of them, event ids)."""
    rows = []
    for book, offset, event_ids in folded:
        packed = pack_ids(event_ids)
        rows.append((book, partition, offset, *tally_of(packed), packed))
    if rows:
        columns = tuple(column.name for column in FOLDED.columns)
        await tx.upsert(FOLDED, columns, rows, ("book", "partition", "offset"))


async def folded_between(tx: Tx, span: Span) -> Tally:
    """Return what was folded in a part of a lane."""
    row = await tx.row(_SUM, _asked(span))
    return Tally() if row is None or row[0] is None else Tally(int(row[0]), int(row[1]))


async def ids_between(tx: Tx, span: Span) -> tuple[list[str], int | None]:
    """Return event ids that were folded there, and the offset to go on after; None at the end."""
    parts = await tx.rows(_PARTS, {**_asked(span), "most": _PARTS_MAX})
    last, found = span.after, 0
    for offset, facts in parts:
        if found and found + facts > IDS_AT_ONCE:
            break
        last, found = offset, found + facts
    rows = await tx.rows(_IDS, {**_asked(span), "most": _PARTS_MAX, "last": last})
    ids = [one for row in rows for one in unpack_ids(row.ids)]
    more = len(parts) == _PARTS_MAX or (bool(parts) and last != parts[-1].offset)
    return ids, last if more else None


async def letters_between(tx: Tx, span: Span) -> list[DeadLetter]:
    """Return the dead letters of facts in a part of a lane, those that a later try has digested left out."""
    table = DEAD_LETTER.c
    rows = await tx.rows(
        select(DEAD_LETTER)
        .where(
            table.topic == Topic.INTAKE,
            table.partition == span.partition,
            table.offset > span.after,
            table.offset < span.before,
            table.book == span.book,
            table.state != RETRIED,
            table.reason != SAME_ID_OTHER_BODY,
            table.type.in_([fact.type for fact in FACTS]),
        )
        .order_by(table.offset)
        .limit(_LETTERS_MAX)
    )
    return [DeadLetter(*row) for row in rows]


async def kept(tx: Tx, event_ids: Collection[str]) -> set[str]:
    """Return those that the ledger has."""
    return {row.event_id for row in await tx.rows(_KEPT, {"ids": list(event_ids)})}


async def add_closes(tx: Tx, closes: Sequence[LaneClose]) -> None:
    """Note closes with how they compare, anew where they are there already."""
    if closes:
        await tx.upsert(LANE_CLOSE, LaneClose._fields, closes, ("book", "partition", "offset"))


async def close_before(tx: Tx, book: str, partition: int, offset: int) -> LaneClose | None:
    """Return the last close of a book in a lane before an offset."""
    row = await tx.row(_BEFORE, {"of": book, "lane": partition, "before": offset})
    return None if row is None else LaneClose(*row)


async def close_with(tx: Tx, book: str, partition: int, since: Day) -> LaneClose | None:
    """Return the close of a book in a lane whose days begin with one."""
    row = await tx.row(
        select(LANE_CLOSE)
        .where(_C.book == book, _C.partition == partition, _C.since == since, _C.day >= since)
        .order_by(_C.offset)
        .limit(1)
    )
    return None if row is None else LaneClose(*row)


async def closes_page(
    tx: Tx, book: str, states: Collection[LaneState], before: tuple[Day, int], limit: int
) -> list[LaneClose]:
    """Return closes in some states, the latest day first, before a place (day, partition)."""
    day, partition = before
    rows = await tx.rows(
        select(LANE_CLOSE)
        .where(
            _C.book == book,
            _C.day >= _C.since,
            _C.state.in_([state.value for state in states]),
            or_(_C.day < day, and_(_C.day == day, _C.partition < partition)),
        )
        .order_by(_C.day.desc(), _C.partition.desc())
        .limit(limit)
    )
    return [LaneClose(*row) for row in rows]


async def unsettled(tx: Tx, limit: int) -> list[LaneClose]:
    """Return closes whose state may change yet, the latest first."""
    rows = await tx.rows(
        select(LANE_CLOSE)
        .where(_C.state.in_([state.value for state in OPEN_ENDED]))
        .order_by(_C.closed_at.desc(), _C.book, _C.partition)
        .limit(limit)
    )
    return [LaneClose(*row) for row in rows]


async def gaps(tx: Tx) -> dict[str, tuple[int, int]]:
    """Return by book how many facts are missing without an explanation, and how many are there unaccepted."""
    states = [LaneState.GAP.value, LaneState.CLOSE_MISSING.value]
    rows = await tx.rows(
        select(_C.book, func.sum(_C.missing), func.sum(_C.unaccepted)).where(_C.state.in_(states)).group_by(_C.book)
    )
    return {book: (int(missing), int(unaccepted)) for book, missing, unaccepted in rows}


def _asked(span: Span) -> dict[str, Any]:
    return {"of": span.book, "lane": span.partition, "after": span.after, "before": span.before}
