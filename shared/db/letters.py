"""Dead letters: messages of our own topics that a service could not digest (D11).

Kept in the service's database with their bytes, and told to the world on the service's own dead-letter topic in the
transaction that steps over them.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, func, select, tuple_

from shared.db import outbox
from shared.db.house import HouseTables
from shared.db.port import Tx
from shared.events.base import DeadLettered
from shared.events.envelope import Envelope, from_headers, to_headers
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.telemetry import onward, origin_of

UNDIGESTIBLE = "undigestible"
SAME_ID_OTHER_BODY = "same_id_other_body"
_BODY_MAX = 512 * 1024
"""Bytes of a poisonous message that its dead letter carries on; the database keeps all of them."""
_ENCODE = msgspec.json.encode


class DeadLetter(NamedTuple):
    """A message with why it could not be digested; the fields are the columns of the table."""

    id: str
    topic: str
    partition: int
    offset: int
    book: str
    client: str
    type: str
    reason: str
    error: str
    headers: bytes
    body: bytes
    at: int
    """Microseconds since 1970."""


def dead_letter_table(metadata: MetaData) -> Table:
    """Add the table of dead letters to a service's metadata."""
    return Table(
        "dead_letter",
        metadata,
        Column("id", Text, primary_key=True),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("book", Text, nullable=False),
        Column("client", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("error", Text, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("at", BigInteger, nullable=False),
        Index("dead_letter_at", "at", "id"),
    )


class Morgue(NamedTuple):
    """Where a service keeps its dead letters and how it tells of them."""

    service: str
    house: HouseTables
    table: Table
    message: type[DeadLettered]


async def bury(tx: Tx, morgue: Morgue, buried: Sequence[tuple[Record, str, str]]) -> list[DeadLetter]:
    """Keep (record, reason, error's text); return what is kept of each. A letter that is there already stays."""
    letters: list[DeadLetter] = []
    rows: list[outbox.OutboxRow] = []
    for record, reason, error in buried:
        envelope = _envelope(record)
        letter = _letter(record, envelope, (reason, error), _micros(tx.now))
        letters.append(letter)
        rows.append(_message(morgue, record, envelope, letter, tx))
    if letters:
        await tx.insert_new(morgue.table, DeadLetter._fields, letters, ("id",))
        await outbox.put(tx, morgue.house, rows)
    return letters


async def letters_after(tx: Tx, table: Table, book: str | None, after: tuple[int, str], limit: int) -> list[DeadLetter]:
    """Return letters in the order in which they were kept, after (at, id)."""
    statement = select(table).where(tuple_(table.c.at, table.c.id) > tuple_(*after))
    if book is not None:
        statement = statement.where(table.c.book == book)
    rows = await tx.rows(statement.order_by(table.c.at, table.c.id).limit(limit))
    return [DeadLetter(*row) for row in rows]


async def count_letters(tx: Tx, table: Table, book: str) -> int:
    """Return the number of dead letters of a book."""
    row = await tx.row(select(func.count()).select_from(table).where(table.c.book == book))
    return 0 if row is None else int(row[0])


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _envelope(record: Record) -> Envelope | None:
    try:
        return from_headers(record.headers)
    except ValueError:
        return None


def _letter(record: Record, envelope: Envelope | None, why: tuple[str, str], at_us: int) -> DeadLetter:
    reason, error = why
    return DeadLetter(
        hashed_id(record.topic, record.partition, record.offset),
        record.topic,
        record.partition,
        record.offset,
        "" if envelope is None else envelope.book,
        "" if envelope is None else envelope.client,
        "" if envelope is None else envelope.type,
        reason,
        error[:2_000],
        _ENCODE([(name, base64.b64encode(value).decode()) for name, value in record.headers]),
        record.value,
        at_us,
    )


def _message(morgue: Morgue, record: Record, envelope: Envelope | None, letter: DeadLetter, tx: Tx) -> outbox.OutboxRow:
    fields: dict[str, Any] = {
        "origin_topic": record.topic,
        "origin_partition": record.partition,
        "origin_offset": record.offset,
        "reason": letter.reason,
        "error": letter.error,
        "value_base64": base64.b64encode(record.value[:_BODY_MAX]).decode(),
    }
    event_id = hashed_id(letter.id, "dead-letter")
    headers = to_headers(
        Envelope(
            id=event_id,
            source=f"/tocsin/{morgue.service}",
            type=morgue.message.type,
            time=tx.now,
            subject=letter.id,
            book=letter.book,
            client=letter.client,
            origin_id="" if envelope is None else envelope.id,
            traceparent=onward(origin_of(record.headers)),
        )
    )
    # The same partition as its origin: dead letters of one lane stay in order and are written by one owner.
    key = record.key.decode(errors="replace")
    return outbox.OutboxRow(
        event_id, morgue.message.topic, record.partition, key, headers, _ENCODE(morgue.message(**fields))
    )
