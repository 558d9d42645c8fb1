"""Spells of arrears of whose cure the world was told."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from services.risk.store.tables import CURE
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day

_OF = select(CURE).where(among_given(CURE.c.subject, "subjects"))

Spell = tuple[Day, Day]
"""First day past due, day of the cure."""


async def spells_of(tx: Tx, subjects: Iterable[str]) -> dict[str, list[Spell]]:
    """Return the spells of each of these loans."""
    found: dict[str, list[Spell]] = {}
    for row in await tx.rows(_OF, {"subjects": sorted(set(subjects))}):
        found.setdefault(row.subject, []).append((row.since, row.cured_on))
    return found


async def add_spells(tx: Tx, rows: Sequence[tuple[str, Day, Day]]) -> None:
    """Write (subject, since, cured on)."""
    await tx.insert(CURE, ("subject", "since", "cured_on"), rows)
