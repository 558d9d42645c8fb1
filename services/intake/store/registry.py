"""Queries on what is known by name."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Select, func, select

from services.intake.store.tables import KNOWN
from shared.db.among import among
from shared.db.port import Tx

_COLUMNS = ("name", "arrived", "client", "currency", "fact")
_READ = (KNOWN.c.name, KNOWN.c.client, KNOWN.c.currency, KNOWN.c.fact, KNOWN.c.arrived)

Entry = tuple[str, str, str, str]
"""Name, client, currency and the fact that made it known."""


async def read(tx: Tx, names: Collection[str]) -> list[Entry]:
    """Return (name, client, currency, fact) of the names that have arrived."""
    return await _entries(tx, select(*_READ).where(among(KNOWN.c.name, names)))


async def hold_places(tx: Tx, names: Collection[str]) -> None:
    """Make sure that each name has a row: here the facts that name it and the fact that brings it meet."""
    rows = [(name, False, "", "", "") for name in sorted(names)]
    await tx.insert_new(KNOWN, _COLUMNS, rows, ("name",))


async def lock(tx: Tx, names: Collection[str]) -> list[Entry]:
    """Lock names, in their order, to the end of the transaction; return those that have arrived, as `read` does."""
    query = select(*_READ).where(among(KNOWN.c.name, sorted(names))).order_by(KNOWN.c.name).with_for_update()
    return await _entries(tx, query)


async def hold(tx: Tx, names: Collection[str]) -> None:
    """Lock names as `lock` does, without reading them."""
    held = select(KNOWN.c.name).where(among(KNOWN.c.name, sorted(names))).order_by(KNOWN.c.name).with_for_update()
    await tx.row(select(func.count()).select_from(held.subquery()))


async def register(tx: Tx, rows: Iterable[Entry]) -> None:
    """Note that names have arrived: (name, client, currency, fact)."""
    arrived = [(name, True, client, currency, fact) for name, client, currency, fact in rows]
    await tx.upsert(KNOWN, _COLUMNS, arrived, ("name",))


async def _entries(tx: Tx, query: Select[Any]) -> list[Entry]:
    return [(name, client, currency, fact) for name, client, currency, fact, arrived in await tx.rows(query) if arrived]
