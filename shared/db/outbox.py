"""The outbox: messages that leave in the transaction that decided on them, drained by lane (D9).

A row exists until it is known to be sent: the relay reads the lowest rows of a lane, sends, and forgets them. Rows of
one key stay in order, because a transaction locks the row that orders the key before it puts here.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Delete, Select, Table, bindparam, delete, func, select

from shared.db.among import among_given
from shared.db.house import HouseTables
from shared.db.port import Tx
from shared.log.port import Headers, Outgoing

_COLUMNS = ("event_id", "topic", "partition", "key", "headers", "value", "created_at")
_FORGET_ROWS = 500

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Headers).decode


class OutboxRow(NamedTuple):
    """One message to send: `partition` is its lane, `event_id` is unique among unsent rows."""

    event_id: str
    topic: str
    partition: int
    key: str
    headers: Headers
    value: bytes


class Backlog(NamedTuple):
    """What waits in one lane."""

    topic: str
    partition: int
    rows: int
    oldest: datetime


async def put(tx: Tx, house: HouseTables, rows: Iterable[OutboxRow]) -> None:
    """Add messages, in their order; sqlalchemy's IntegrityError when one of them waits already.

    Rows that are made as they are taken cost less: the headers of one, a dozen objects, are gone before the next.
    """
    written = [
        (event_id, topic, partition, key, _encode(headers), value, tx.now)
        for event_id, topic, partition, key, headers, value in rows
    ]
    await tx.insert(house.outbox, _COLUMNS, written)


async def unsent(tx: Tx, house: HouseTables, topic: str, partition: int, limit: int) -> list[tuple[int, Outgoing]]:
    """Return the first `limit` messages of a lane as (sequence number, record), in order."""
    rows = await tx.rows(_unsent(house.outbox), {"topic": topic, "lane": partition, "most": limit})
    return [
        (seq, Outgoing(topic, partition, key.encode(), _decode(headers), value)) for seq, key, headers, value in rows
    ]


def type_of(headers: bytes) -> str:
    """Return the type of a message from its headers as they are stored."""
    return next((value.decode() for name, value in _decode(headers) if name == "ce_type"), "")


async def forget(tx: Tx, house: HouseTables, topic: str, partition: int, seqs: Sequence[int]) -> None:
    """Remove messages of a lane that are known to be sent; those already removed do not matter."""
    for start in range(0, len(seqs), _FORGET_ROWS):
        part = list(seqs[start : start + _FORGET_ROWS])
        await tx.execute(_sent(house.outbox), {"of": topic, "lane": partition, "seqs": part})


async def backlog(tx: Tx, house: HouseTables) -> list[Backlog]:
    """Return every lane that has unsent messages, with their number and the age of the oldest."""
    box = house.outbox
    rows = await tx.rows(
        select(box.c.topic, box.c.partition, func.count(), func.min(box.c.created_at))
        .group_by(box.c.topic, box.c.partition)
        .order_by(box.c.topic, box.c.partition)
    )
    return [Backlog(*row) for row in rows]


async def lanes_with_work(tx: Tx, house: HouseTables) -> list[tuple[str, int]]:
    """Return the (topic, partition) that have unsent messages."""
    rows = await tx.rows(_lanes_with_work(house.outbox))
    return [(topic, partition) for topic, partition in rows]


@cache
def _unsent(box: Table) -> Select[Any]:
    return (
        select(box.c.seq, box.c.key, box.c.headers, box.c.value)
        .where(box.c.topic == bindparam("topic"), box.c.partition == bindparam("lane"))
        .order_by(box.c.seq)
        .limit(bindparam("most"))
    )


@cache
def _sent(box: Table) -> Delete:
    return delete(box).where(
        box.c.topic == bindparam("of"), box.c.partition == bindparam("lane"), among_given(box.c.seq, "seqs")
    )


@cache
def _lanes_with_work(box: Table) -> Select[Any]:
    return select(box.c.topic, box.c.partition).distinct().order_by(box.c.topic, box.c.partition)
