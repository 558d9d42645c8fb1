"""Queries on the ledger of facts."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Row, delete, or_, select

from services.intake.store.tables import LEDGER
from shared.db.among import among, among_given
from shared.db.port import Tx

_COLUMNS = tuple(column.name for column in LEDGER.columns)
_DIGESTS = select(LEDGER.c.event_id, LEDGER.c.digest).where(among_given(LEDGER.c.event_id, "ids"))
FIND_LIMIT = 20


async def digests(tx: Tx, event_ids: Collection[str]) -> dict[str, str]:
    """Return event id -> digest of those that are there."""
    return dict(map(tuple, await tx.rows(_DIGESTS, {"ids": list(event_ids)})))


async def targets(tx: Tx, event_ids: Collection[str]) -> list[tuple[Any, ...]]:
    """Return (event_id, type, book, subject, client, body) of those that are there."""
    columns = (LEDGER.c.event_id, LEDGER.c.type, LEDGER.c.book, LEDGER.c.subject, LEDGER.c.client, LEDGER.c.body)
    return [tuple(row) for row in await tx.rows(select(*columns).where(among(LEDGER.c.event_id, event_ids)))]


async def add(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> set[str]:
    """Append facts, in the order of the table's columns; return the event ids that were not there."""
    return {key for (key,) in await tx.insert_new(LEDGER, _COLUMNS, rows, ("event_id",))}


async def meet(tx: Tx, event_ids: Iterable[str]) -> None:
    """Wait for whoever is about to append one of these facts, and make later ones wait for this transaction.

    A fact that refers to an earlier one meets it on the ledger's key: a row is put there and taken away again inside
    this transaction, so nobody ever sees it. Afterwards either the fact is there, or its transaction will see ours.
    """
    rows = [(one, "", "", None, None, None, "", "", "", "", 0, 0, 0, "", b"") for one in sorted(event_ids)]
    new = await tx.insert_new(LEDGER, _COLUMNS, rows, ("event_id",))
    if new:
        await tx.execute(delete(LEDGER).where(among(LEDGER.c.event_id, [key for (key,) in new])))


async def find(tx: Tx, identity: str, source: str | None) -> Sequence[Row[Any]]:
    """Return facts by event id or by their producer's id."""
    query = select(LEDGER).where(or_(LEDGER.c.event_id == identity, LEDGER.c.origin_id == identity))
    if source is not None:
        query = query.where(LEDGER.c.source == source)
    return await tx.rows(query.limit(FIND_LIMIT))
