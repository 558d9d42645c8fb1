"""Queries on what is known by name."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Select, func, select

from services.intake.store.tables import KNOWN
from shared.db.among import among_given
from shared.db.port import Tx

_COLUMNS = ("name", "arrived", "client", "currency", "fact")
_READ = (KNOWN.c.name, KNOWN.c.client, KNOWN.c.currency, KNOWN.c.fact, KNOWN.c.arrived)

_NAMED = select(*_READ).where(among_given(KNOWN.c.name, "names"))
_LOCKED = _NAMED.order_by(KNOWN.c.name).with_for_update()
_HELD = select(KNOWN.c.name).where(among_given(KNOWN.c.name, "names")).order_by(KNOWN.c.name).with_for_update()
_HELD_COUNT = select(func.count()).select_from(_HELD.subquery())

Entry = tuple[str, str, str, str]
"""Name, client, currency and the fact that made it known."""


async def read(tx: Tx, names: Collection[str]) -> list[Entry]:
    """Return (name, client, currency, fact) of the names that have arrived."""
    return await _entries(tx, _NAMED, names)


async def hold_places(tx: Tx, names: Collection[str]) -> None:
    """Make sure that each name has a row: here the facts that name it and the fact that brings it meet."""
    rows = [(name, False, "", "", "") for name in sorted(names)]
    await tx.insert_new(KNOWN, _COLUMNS, rows, ("name",))


async def lock(tx: Tx, names: Collection[str]) -> list[Entry]:
    """Lock names, in their order, to the end of the transaction; return those that have arrived, as `read` does."""
    return await _entries(tx, _LOCKED, names)


async def hold(tx: Tx, names: Collection[str]) -> None:
    """Lock names as `lock` does, without reading them."""
    await tx.hold(_HELD_COUNT, {"names": sorted(names)})


async def register(tx: Tx, rows: Iterable[Entry]) -> None:
    """Note that names have arrived: (name, client, currency, fact)."""
    arrived = [(name, True, client, currency, fact) for name, client, currency, fact in rows]
    await tx.upsert(KNOWN, _COLUMNS, arrived, ("name",))


async def _entries(tx: Tx, query: Select[Any], names: Collection[str]) -> list[Entry]:
    rows = await tx.rows(query, {"names": sorted(names)})
    return [(name, client, currency, fact) for name, client, currency, fact, arrived in rows if arrived]
