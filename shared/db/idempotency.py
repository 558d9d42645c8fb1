"""Idempotency keys of HTTP requests: the reply to the first is the reply to all that repeat it (for a day).

`begin` and `finish` run in the transaction of the work itself. A repeat that arrives while the first is still at work
waits for it in the database and then gets its reply.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import delete, select, update

from shared.db.house import HouseTables
from shared.db.port import Tx

LIFETIME = timedelta(hours=24)

_decode_headers = msgspec.msgpack.Decoder(dict[str, str]).decode


class Replay(NamedTuple):
    """The same request was answered already, like this."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Conflict(NamedTuple):
    """The key was used for another request."""


class Running(NamedTuple):
    """The same request began in an earlier transaction that is not finished."""


async def begin(
    tx: Tx, house: HouseTables, key: str, route: str, digest: str, now: datetime
) -> Replay | Conflict | Running | None:
    """Begin a request (`digest` of its body); None: it is new, do the work and call `finish`."""
    table = house.idempotency
    same = (table.c.key == key, table.c.route == route)
    await tx.execute(delete(table).where(*same, table.c.created_at < now - LIFETIME))
    new = await tx.insert_new(
        table, ("key", "route", "digest", "created_at"), [(key, route, digest, now)], ("key", "route")
    )
    if new:
        return None
    row = await tx.row(select(table).where(*same))
    assert row is not None, "the key was there just before"
    if row.digest != digest:
        return Conflict()
    if row.status is None:
        return Running()
    return Replay(row.status, _decode_headers(row.headers), row.body)


async def finish(
    tx: Tx, house: HouseTables, key: str, route: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Store the reply."""
    table = house.idempotency
    await tx.execute(
        update(table)
        .where(table.c.key == key, table.c.route == route)
        .values(status=status, headers=msgspec.msgpack.encode(dict(headers)), body=body)
    )


async def prune(tx: Tx, house: HouseTables, now: datetime) -> int:
    """Remove keys older than a day; return how many."""
    table = house.idempotency
    return await tx.execute(delete(table).where(table.c.created_at < now - LIFETIME))
