"""Positions of consumers in their own database, moved by compare-and-swap in the transaction of the batch.

Whoever claims a partition raises its epoch; a process that lost it in the meantime cannot move it any more, and so
nothing else of its transaction is kept either.
"""

from functools import cache
from typing import NamedTuple

from sqlalchemy import Table, Update, bindparam, select, update

from shared.db.house import HouseTables
from shared.db.port import Tx


class Claim(NamedTuple):
    """Where to read on, and the epoch to show when moving on."""

    next_offset: int
    epoch: int


async def claim(tx: Tx, house: HouseTables, group: str, topic: str, partition: int, owner: str) -> Claim:
    """Take a partition over for `owner` and fence everybody before; the first claim begins at offset 0."""
    columns = ("group_name", "topic", "partition", "next_offset", "epoch", "owner")
    await tx.insert_new(house.position, columns, [(group, topic, partition, 0, 0, owner)], columns[:3])
    place = {"group": group, "of": topic, "number": partition, "by": owner}
    row = await tx.row(_claim(house.position), place)
    assert row is not None, "the row was inserted just before"
    return Claim(row.next_offset, row.epoch)


async def advance(
    tx: Tx, house: HouseTables, group: str, topic: str, partition: int, epoch: int, from_offset: int, to_offset: int
) -> bool:
    """Move from `from_offset` to `to_offset`; False: fenced, somebody else owns or has moved the partition."""
    place = {"group": group, "of": topic, "number": partition, "held": epoch, "at": from_offset, "to": to_offset}
    return await tx.execute(_advance(house.position), place) == 1


async def hold(tx: Tx, house: HouseTables, group: str, topic: str, partition: int) -> None:
    """Keep whoever owns a partition from committing a batch of it until this transaction ends; claimed yet or not."""
    table = house.position
    where = (table.c.group_name == group, table.c.topic == topic, table.c.partition == partition)
    columns = ("group_name", "topic", "partition", "next_offset", "epoch", "owner")
    await tx.insert_new(table, columns, [(group, topic, partition, 0, 0, "")], columns[:3])
    await tx.row(select(table.c.epoch).where(*where).with_for_update())


async def stored(tx: Tx, house: HouseTables, group: str, topic: str) -> dict[int, int]:
    """Return the next offset of each partition that was ever claimed."""
    table = house.position
    rows = await tx.rows(
        select(table.c.partition, table.c.next_offset).where(table.c.group_name == group, table.c.topic == topic)
    )
    return {row.partition: row.next_offset for row in rows}


@cache
def _claim(table: Table) -> Update:
    return (
        update(table)
        .where(
            table.c.group_name == bindparam("group"),
            table.c.topic == bindparam("of"),
            table.c.partition == bindparam("number"),
        )
        .values(epoch=table.c.epoch + 1, owner=bindparam("by"))
        .returning(table.c.next_offset, table.c.epoch)
    )


@cache
def _advance(table: Table) -> Update:
    return (
        update(table)
        .where(
            table.c.group_name == bindparam("group"),
            table.c.topic == bindparam("of"),
            table.c.partition == bindparam("number"),
            table.c.epoch == bindparam("held"),
            table.c.next_offset == bindparam("at"),
        )
        .values(next_offset=bindparam("to"))
    )
