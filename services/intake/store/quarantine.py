"""Queries on the quarantine and on what waits in it."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, bindparam, delete, func, or_, select, tuple_, update

from services.intake.domain.reasons import State
from services.intake.store.tables import QUARANTINE, WAITING
from shared.db.among import among, among_given
from shared.db.port import Tx
from shared.events.facts import ClientMerged

_COLUMNS = tuple(column.name for column in QUARANTINE.columns)
_ORDER = (QUARANTINE.c.value_date, QUARANTINE.c.known_at, QUARANTINE.c.item)
_UNDERSTOOD = select(
    QUARANTINE.c.item, QUARANTINE.c.digest, QUARANTINE.c.state, QUARANTINE.c.reason, QUARANTINE.c.missing
).where(among_given(QUARANTINE.c.item, "items"))
_WAITING_FOR = (
    select(QUARANTINE)
    .where(
        QUARANTINE.c.item.in_(select(WAITING.c.item).where(among_given(WAITING.c.need, "names"))),
        QUARANTINE.c.state == State.WAITING.value,
    )
    .order_by(*_ORDER)
    .limit(bindparam("most"))
    .with_for_update()
)
_MERGING = (
    select(QUARANTINE.c.book, QUARANTINE.c.subject)
    .join(WAITING, WAITING.c.item == QUARANTINE.c.item)
    .where(among_given(WAITING.c.need, "names"), QUARANTINE.c.type == ClientMerged.type)
    .distinct()
)
FIND_LIMIT = 20


class Cursor(NamedTuple):
    """The place after which a page begins."""

    received_at: int
    item: str


async def understood(tx: Tx, event_ids: Collection[str]) -> Sequence[Row[Any]]:
    """Return (item, digest, state, reason, missing) of understood facts, whose item is their event id."""
    return await tx.rows(_UNDERSTOOD, {"items": list(event_ids)})


async def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Add items; return those that were not there."""
    values = [tuple(row[name] for name in _COLUMNS) for row in rows]
    return {key for (key,) in await tx.insert_new(QUARANTINE, _COLUMNS, values, ("item",))}


async def replace(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write items anew."""
    await tx.upsert(QUARANTINE, _COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in rows], ("item",))


async def wait_for(tx: Tx, pairs: Collection[tuple[str, str]]) -> None:
    """Note what items wait for: (need, item)."""
    await tx.insert_new(WAITING, ("need", "item"), sorted(pairs), ("need", "item"))


async def forget_needs(tx: Tx, items: Collection[str]) -> None:
    """Forget what these items waited for."""
    await tx.execute(delete(WAITING).where(among(WAITING.c.item, items)))


async def let_go(tx: Tx, items: Collection[str]) -> None:
    """Remove items that went on into the ledger."""
    await forget_needs(tx, items)
    await tx.execute(delete(QUARANTINE).where(among(QUARANTINE.c.item, items)))


async def waiting_for(
    tx: Tx, names: Collection[str], after: tuple[int, int, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return items that wait for any of these names, locked, by (value_date, known_at, item), from `after` on."""
    query = _WAITING_FOR if after is None else _WAITING_FOR.where(tuple_(*_ORDER) > after)
    return await tx.rows(query, {"names": list(names), "most": limit})


async def merging(tx: Tx, names: Collection[str]) -> set[str]:
    """Return the names of the clients that wait for one of these clients to be merged with it."""
    if not names:
        return set()
    rows = await tx.rows(_MERGING, {"names": sorted(names)})
    return {f"client {row.book} {row.subject}" for row in rows}


async def load(tx: Tx, items: Collection[str]) -> Sequence[Row[Any]]:
    """Return items, locked to the end of the transaction."""
    return await tx.rows(
        select(QUARANTINE).where(among(QUARANTINE.c.item, sorted(items))).order_by(QUARANTINE.c.item).with_for_update()
    )


async def see(tx: Tx, item: str) -> Row[Any] | None:
    """Return one item."""
    return await tx.row(select(QUARANTINE).where(QUARANTINE.c.item == item))


async def see_all(tx: Tx, items: Collection[str]) -> Sequence[Row[Any]]:
    """Return items, not locked."""
    return await tx.rows(select(QUARANTINE).where(among(QUARANTINE.c.item, sorted(items))).order_by(QUARANTINE.c.item))


async def find(tx: Tx, identity: str, source: str | None) -> Sequence[Row[Any]]:
    """Return items by item, event id or their producer's id."""
    same = or_(QUARANTINE.c.item == identity, QUARANTINE.c.event_id == identity, QUARANTINE.c.origin_id == identity)
    query = select(QUARANTINE).where(same)
    if source is not None:
        query = query.where(QUARANTINE.c.source == source)
    return await tx.rows(query.order_by(QUARANTINE.c.received_at.desc(), QUARANTINE.c.item).limit(FIND_LIMIT))


async def page(tx: Tx, filters: dict[str, str], after: Cursor | None, limit: int) -> Sequence[Row[Any]]:
    """Return items by age, oldest first; `filters` are columns and the values that they must have."""
    query = select(QUARANTINE).where(*(QUARANTINE.c[name] == value for name, value in filters.items()))
    if after is not None:
        same = and_(QUARANTINE.c.received_at == after.received_at, QUARANTINE.c.item > after.item)
        query = query.where(or_(QUARANTINE.c.received_at > after.received_at, same))
    return await tx.rows(query.order_by(QUARANTINE.c.received_at, QUARANTINE.c.item).limit(limit))


async def count_held(tx: Tx) -> dict[str, tuple[int, int]]:
    """Return by state how many items wait or are held, and when the oldest was received (microseconds since 1970)."""
    rows = await tx.rows(
        select(QUARANTINE.c.state, func.count(), func.min(QUARANTINE.c.received_at))
        .where(QUARANTINE.c.state != State.DISMISSED.value)
        .group_by(QUARANTINE.c.state)
    )
    return {state: (count, oldest_us) for state, count, oldest_us in rows}


async def dismiss(tx: Tx, item: str, comment: str, settled_at_us: int) -> None:
    """Mark an item as dismissed; it stays, and waits for nothing any more."""
    await forget_needs(tx, [item])
    values = {"state": State.DISMISSED.value, "comment": comment, "settled_at": settled_at_us}
    await tx.execute(update(QUARANTINE).where(QUARANTINE.c.item == item).values(**values))
