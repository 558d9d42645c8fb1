"""Queries on what is known by name."""

from collections.abc import Collection, Iterable

from sqlalchemy import func, select

from services.intake.domain.verdict import Registered
from services.intake.store.tables import KNOWN
from shared.db.among import among_given
from shared.db.port import Tx

_COLUMNS = ("name", "arrived", "client", "currency", "fact")
_NAMED = select(KNOWN.c.name, KNOWN.c.client, KNOWN.c.currency, KNOWN.c.fact).where(among_given(KNOWN.c.name, "names"))
_ARRIVED = _NAMED.where(KNOWN.c.arrived)
_EXPECTED_TOO = _NAMED.add_columns(KNOWN.c.arrived)
_LOCKED = _EXPECTED_TOO.order_by(KNOWN.c.name).with_for_update()
_HELD = select(KNOWN.c.name).where(among_given(KNOWN.c.name, "names")).order_by(KNOWN.c.name).with_for_update()
_HELD_COUNT = select(func.count()).select_from(_HELD.subquery())

Entry = tuple[str, str, str, str]
"""Name, client, currency and the fact that made it known."""
Known = dict[str, Registered]


async def read(tx: Tx, names: Collection[str]) -> Known:
    """Return what is known under those of the names that have arrived."""
    rows = await tx.rows(_ARRIVED, {"names": list(names)})
    return {name: Registered(client, currency, fact) for name, client, currency, fact in rows}


async def hold_places(tx: Tx, names: Collection[str]) -> None:
    """Make sure that each name has a row: here the facts that name it and the fact that brings it meet."""
    rows = [(name, False, "", "", "") for name in sorted(names)]
    await tx.insert_new(KNOWN, _COLUMNS, rows, ("name",))


async def lock(tx: Tx, names: Collection[str]) -> Known:
    """Lock names, in their order, to the end of the transaction; return those that have arrived, as `read` does."""
    rows = await tx.rows(_LOCKED, {"names": sorted(names)})
    return {name: Registered(client, currency, fact) for name, client, currency, fact, arrived in rows if arrived}


async def hold(tx: Tx, names: Collection[str]) -> None:
    """Lock names as `lock` does, without reading them."""
    await tx.hold(_HELD_COUNT, {"names": sorted(names)})


async def register(tx: Tx, rows: Iterable[Entry]) -> None:
    """Note that names have arrived: (name, client, currency, fact)."""
    arrived = [(name, True, client, currency, fact) for name, client, currency, fact in rows]
    await tx.upsert(KNOWN, _COLUMNS, arrived, ("name",))
