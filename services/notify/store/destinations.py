"""Destinations: one lane for each address of a channel, sent to by one process at a time, retried in its own time.

A lane is taken with a lease (owner, epoch, until) in a transaction before anything is sent. Whoever comes back after
its lease went to another finds another epoch and records nothing.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, select, update

from services.notify.store.tables import DESTINATION, MESSAGE
from shared.db.among import among
from shared.db.port import Tx

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When there is nothing to send."""
_FREE = datetime(1970, 1, 1, tzinfo=UTC)
_D = DESTINATION.c
_COLUMNS = ("channel", "address", "due_at", "failures", "owner", "epoch", "lease_until")


class Lease(NamedTuple):
    """A lane that this process may send to."""

    channel: str
    address: str
    epoch: int
    until: datetime


async def call(tx: Tx, addresses: Iterable[tuple[str, str]]) -> None:
    """Say that there is something to send to (channel, address) pairs: they are due now.

    One that waits because it failed keeps waiting, unless a person asked: see `call_now`.
    """
    wanted = sorted(set(addresses))
    new = await tx.insert_new(
        DESTINATION,
        _COLUMNS,
        [(channel, address, tx.now, 0, "", 0, _FREE) for channel, address in wanted],
        ("channel", "address"),
    )
    by_channel: dict[str, list[str]] = {}
    for channel, address in wanted:
        if (channel, address) not in new:
            by_channel.setdefault(channel, []).append(address)
    for channel, known in by_channel.items():
        # Held first: a holder that has just found nothing to send is let finish, and what it wrote is seen here.
        held = select(_D.address).where(_D.channel == channel, among(_D.address, known)).order_by(_D.address)
        await tx.rows(held.with_for_update())
        await tx.execute(
            update(DESTINATION)
            .where(_D.channel == channel, among(_D.address, known), _D.due_at == NEVER)
            .values(due_at=tx.now)
        )


async def call_now(tx: Tx, channel: str, address: str) -> None:
    """Say that there is something to send now, even where it failed before."""
    await call(tx, [(channel, address)])
    await tx.execute(
        update(DESTINATION).where(_D.channel == channel, _D.address == address).values(due_at=tx.now, failures=0)
    )


async def lease_due(tx: Tx, channel: str, owner: str, limit: int, lease_s: float) -> list[Lease]:
    """Take up to `limit` lanes of a channel that are due and that nobody holds."""
    rows = await tx.rows(
        select(_D.address)
        .where(_D.channel == channel, _D.due_at <= tx.now, _is_free(tx.now))
        .order_by(_D.due_at, _D.address)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if not rows:
        return []
    until = tx.now + timedelta(seconds=lease_s)
    taken = await tx.rows(
        update(DESTINATION)
        .where(_D.channel == channel, among(_D.address, [row.address for row in rows]))
        .values(owner=owner, epoch=_D.epoch + 1, lease_until=until)
        .returning(_D.address, _D.epoch)
    )
    return [Lease(channel, row.address, row.epoch, until) for row in taken]


def _is_free(now: datetime) -> ColumnElement[bool]:
    """Nobody holds a lane whose lease has run out."""
    return _D.lease_until <= now


async def hold(tx: Tx, lease: Lease) -> int | None:
    """Return a lane's failures in a row, the lane held to the end of the transaction; None when it is not ours."""
    row = await tx.lock(DESTINATION, {"channel": lease.channel, "address": lease.address})
    return row.failures if row is not None and row.epoch == lease.epoch else None


async def extend(tx: Tx, lease: Lease, failures: int, lease_s: float) -> Lease:
    """Keep a lane for the next message."""
    until = tx.now + timedelta(seconds=lease_s)
    await _write(tx, lease, failures=failures, lease_until=until)
    return lease._replace(until=until)


async def let_go(tx: Tx, lease: Lease, failures: int, due_at: datetime) -> None:
    """Leave a lane until `due_at`."""
    await _write(tx, lease, failures=failures, due_at=due_at, owner="", lease_until=_FREE)


async def forget_unused(tx: Tx) -> int:
    """Remove addresses that no message names any more and that nobody sends to; return how many."""
    named = select(MESSAGE.c.id).where(MESSAGE.c.channel == _D.channel, MESSAGE.c.destination == _D.address)
    return await tx.execute(
        delete(DESTINATION).where(_D.due_at == NEVER, _D.lease_until <= tx.now, ~named.correlate(DESTINATION).exists())
    )


async def _write(tx: Tx, lease: Lease, **values: object) -> None:
    await tx.execute(
        update(DESTINATION)
        .where(_D.channel == lease.channel, _D.address == lease.address, _D.epoch == lease.epoch)
        .values(**values)
    )
