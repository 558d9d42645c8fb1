"""Queries on what was accepted, as it is counted: per lane and open day of a book."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, tuple_

from services.intake.store.tables import ACCEPTED, CLOSE, HOUSE, LEDGER
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day
from shared.kernel.tally import Tally, pack_ids, tally_of, unpack_ids

_A = ACCEPTED.c
_COLUMNS = ("book", "lane", "since", "facts", "digest", "ids")
_SUMS = (func.sum(_A.facts), func.sum(_A.digest))
_BY_LANE = select(_A.lane, *_SUMS).where(_A.book == bindparam("of"), _A.since == bindparam("day")).group_by(_A.lane)
_PARTS = (
    select(_A.seq, _A.facts)
    .where(
        _A.book == bindparam("of"),
        _A.since == bindparam("day"),
        _A.lane == bindparam("in_lane"),
        _A.seq > bindparam("after"),
    )
    .order_by(_A.seq)
    .limit(bindparam("most"))
)
_IDS = _PARTS.with_only_columns(_A.ids).where(_A.seq <= bindparam("last"))
_KEPT = select(LEDGER.c.event_id).where(among_given(LEDGER.c.event_id, "ids"))
_UNSENT = select(HOUSE.outbox.c.event_id).where(among_given(HOUSE.outbox.c.event_id, "ids"))
_PARTS_MAX = 1_000
IDS_AT_ONCE = 5_000


class LaneDay(NamedTuple):
    """What was accepted in a lane while a day of the book was open."""

    since: Day
    lane: int
    facts: int


class Place(NamedTuple):
    """A lane and a day of a book."""

    book: str
    lane: int
    since: Day


async def add(tx: Tx, accepted: Sequence[tuple[str, int, Day, Sequence[str]]]) -> None:
    """Count facts: (book, lane, its open day, event ids)."""
    rows = []
    for book, lane, since, event_ids in accepted:
        packed = pack_ids(event_ids)
        rows.append((book, lane, since, *tally_of(packed), packed))
    await tx.insert(ACCEPTED, _COLUMNS, rows)


async def by_lane(tx: Tx, book: str, since: Day) -> dict[int, Tally]:
    """Return what was accepted while a day was open, by lane."""
    rows = await tx.rows(_BY_LANE, {"of": book, "day": since})
    return {lane: Tally(int(facts), int(digest)) for lane, facts, digest in rows}


async def page(tx: Tx, book: str, before: tuple[Day, int], limit: int) -> list[LaneDay]:
    """Return what was accepted by day and lane, the latest first, before a place."""
    rows = await tx.rows(
        select(_A.since, _A.lane, func.sum(_A.facts))
        .where(_A.book == book, tuple_(_A.since, _A.lane) < tuple_(*before))
        .group_by(_A.since, _A.lane)
        .order_by(_A.since.desc(), _A.lane.desc())
        .limit(limit)
    )
    return [LaneDay(since, lane, int(facts)) for since, lane, facts in rows]


async def closes_from(tx: Tx, book: str, day: Day) -> list[Day]:
    """Return the days that closes named, from one on, in order."""
    rows = await tx.rows(select(CLOSE.c.day).where(CLOSE.c.book == book, CLOSE.c.day >= day).order_by(CLOSE.c.day))
    return [row.day for row in rows]


async def ids_after(tx: Tx, place: Place, after: int) -> tuple[list[str], int | None]:
    """Return event ids that were counted there after a place, and the place to go on from; None at the end."""
    asked: dict[str, Any] = {"of": place.book, "in_lane": place.lane, "day": place.since, "after": after}
    parts = await tx.rows(_PARTS, {**asked, "most": _PARTS_MAX})
    last, found = after, 0
    for seq, facts in parts:
        if found and found + facts > IDS_AT_ONCE:
            break
        last, found = seq, found + facts
    rows = await tx.rows(_IDS, {**asked, "most": _PARTS_MAX, "last": last})
    ids = [one for row in rows for one in unpack_ids(row.ids)]
    more = len(parts) == _PARTS_MAX or (bool(parts) and last != parts[-1].seq)
    return ids, last if more else None


async def kept(tx: Tx, event_ids: Collection[str]) -> set[str]:
    """Return those that the ledger has."""
    return {row.event_id for row in await tx.rows(_KEPT, {"ids": list(event_ids)})}


async def unsent(tx: Tx, event_ids: Collection[str]) -> set[str]:
    """Return those that wait in the outbox."""
    return {row.event_id for row in await tx.rows(_UNSENT, {"ids": list(event_ids)})}
