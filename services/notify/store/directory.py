"""People, teams, endpoints and routes as kept: one table of entries, each with its version and where it came from."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy import delete, select

from services.notify.domain.directory import Directory, Endpoint, Person, Route, Team
from services.notify.store.tables import ENTRY
from shared.db.among import among
from shared.db.port import Tx

KINDS: dict[str, type[BaseModel]] = {"person": Person, "team": Team, "endpoint": Endpoint, "route": Route}


class Entry(NamedTuple):
    """One entry; the fields are the columns of the table."""

    kind: str
    id: str
    version: int
    origin: str
    """`file` or `http`: who keeps it."""
    body: dict[str, Any]
    changed_at: datetime


def body_of(shape: BaseModel) -> dict[str, Any]:
    """Return an entry's body as it is kept."""
    return shape.model_dump(mode="json", by_alias=True)


async def read_directory(tx: Tx) -> Directory:
    """Return everybody and every route."""
    found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for row in await tx.rows(select(ENTRY.c.kind, ENTRY.c.id, ENTRY.c.body)):
        found[row.kind][row.id] = KINDS[row.kind].model_validate(row.body)
    return Directory(found["person"], found["team"], found["endpoint"], found["route"])


async def entry_named(tx: Tx, kind: str, name: str, *, lock: bool = False) -> Entry | None:
    """Return one entry, held to the end of the transaction if asked for."""
    wanted = select(ENTRY).where(ENTRY.c.kind == kind, ENTRY.c.id == name)
    row = await tx.row(wanted.with_for_update() if lock else wanted)
    return None if row is None else Entry(*row)


async def entries_of(tx: Tx, kind: str, after: str, limit: int) -> list[Entry]:
    """Return entries of a kind by id, after a place."""
    rows = await tx.rows(
        select(ENTRY).where(ENTRY.c.kind == kind, ENTRY.c.id > after).order_by(ENTRY.c.id).limit(limit)
    )
    return [Entry(*row) for row in rows]


async def all_entries(tx: Tx) -> list[Entry]:
    """Return every entry, held to the end of the transaction."""
    rows = await tx.rows(select(ENTRY).order_by(ENTRY.c.kind, ENTRY.c.id).with_for_update())
    return [Entry(*row) for row in rows]


async def save_entries(tx: Tx, entries: Sequence[Entry]) -> None:
    """Write entries."""
    await tx.upsert(ENTRY, Entry._fields, entries, ("kind", "id"))


async def remove_entries(tx: Tx, kind: str, names: Iterable[str]) -> None:
    """Remove entries of a kind."""
    await tx.execute(delete(ENTRY).where(ENTRY.c.kind == kind, among(ENTRY.c.id, names)))
