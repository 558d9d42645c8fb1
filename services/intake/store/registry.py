"""Queries on what is known by name."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Row, select

from services.intake.store.tables import KNOWN
from shared.db.port import Tx

_COLUMNS = ("name", "arrived", "client", "currency", "fact")


async def read(tx: Tx, names: Collection[str]) -> Sequence[Row[Any]]:
    """Return (name, client, currency, fact) of the names that have arrived."""
    return await tx.rows(
        select(KNOWN.c.name, KNOWN.c.client, KNOWN.c.currency, KNOWN.c.fact).where(
            KNOWN.c.name.in_(names), KNOWN.c.arrived
        )
    )


async def hold_places(tx: Tx, names: Collection[str]) -> None:
    """Make sure that each name has a row: here the facts that name it and the fact that brings it meet."""
    rows = [(name, False, "", "", "") for name in sorted(names)]
    await tx.insert_new(KNOWN, _COLUMNS, rows, ("name",))


async def lock(tx: Tx, names: Collection[str]) -> Sequence[Row[Any]]:
    """Lock names, in their order, to the end of the transaction; return those that have arrived, as `read` does."""
    rows = await tx.rows(
        select(KNOWN.c.name, KNOWN.c.client, KNOWN.c.currency, KNOWN.c.fact, KNOWN.c.arrived)
        .where(KNOWN.c.name.in_(sorted(names)))
        .order_by(KNOWN.c.name)
        .with_for_update()
    )
    return [row for row in rows if row.arrived]


async def register(tx: Tx, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Note that names have arrived: (name, client, currency, fact)."""
    arrived = [(name, True, client, currency, fact) for name, client, currency, fact in rows]
    await tx.upsert(KNOWN, _COLUMNS, arrived, ("name",))
