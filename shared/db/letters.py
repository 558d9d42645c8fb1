"""Dead letters: messages of our own topics that a service could not digest (D11).

Kept in the service's database with their bytes, and told to the world on the service's own dead-letter topic in the
transaction that steps over them.
"""

import base64
import traceback
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    select,
    tuple_,
    update,
)

from shared.db import outbox
from shared.db.house import HouseTables
from shared.db.port import Tx
from shared.events.base import COMPACTED, DeadLettered
from shared.events.envelope import Envelope, from_headers, to_headers
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.telemetry import onward, origin_of

UNDIGESTIBLE = "undigestible"
SAME_ID_OTHER_BODY = "same_id_other_body"
WRONG_PARTITION = "wrong_partition"
_BODY_MAX = 512 * 1024
"""Bytes of a poisonous message that its dead letter carries on; the database keeps all of them."""
_ERROR_LENGTH_MAX = 2_000
_STACK_FRAMES_MAX = 40
"""The innermost frames of an error that its dead letter keeps; those outside them are the same for all."""
_ROOTS = ("services", "shared", "tocsin", "tests")
_ENCODE = msgspec.json.encode
_HEADERS = msgspec.json.Decoder(list[tuple[str, str]]).decode
KEPT, RETRIED, DISMISSED = "kept", "retried", "dismissed"
_IN_HAND = "in_hand"
_SHOWN_MAX = 200
"""Characters of an attribute or key that are shown; ours are shorter."""


class Why(NamedTuple):
    """Why a message could not be digested."""

    reason: str
    """One of few words."""
    error: str
    stack: str = ""
    """Where in our code it happened, outermost first: `module:line function`, one a line. No values: they may be
    personal data."""


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
    key: str
    """Key of the record."""
    state: str
    """`kept`, `retried` or `dismissed`."""
    settled_by: str
    settled_at: int
    comment: str
    event_id: str
    """Id of the event in its envelope; empty when that cannot be read."""
    producer: str
    """Who says to have sent it: the envelope's source."""
    stack: str

    @property
    def record(self) -> Record:
        """The record as it lay in its topic."""
        headers = tuple((name, base64.b64decode(value)) for name, value in _HEADERS(self.headers))
        # Letters from before keys were kept are all of messages that are keyed by client.
        key = (self.key or self.client).encode()
        return Record(self.topic, self.partition, self.offset, key, headers, self.body, self.at // 1_000)


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
        Column("key", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("settled_by", Text, nullable=False),
        Column("settled_at", BigInteger, nullable=False),
        Column("comment", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("producer", Text, nullable=False),
        Column("stack", Text, nullable=False),
        Index("dead_letter_at", "at", "id"),
        Index("dead_letter_client", "book", "client"),
    )


class Morgue(NamedTuple):
    """Where a service keeps its dead letters and how it tells of them."""

    service: str
    house: HouseTables
    table: Table
    message: type[DeadLettered]


def why_of(error: Exception) -> Why:
    """Return what an error that a handler raised says: one that names a `reason` of its own gives that."""
    reason = getattr(error, "reason", UNDIGESTIBLE)
    return Why(reason, f"{type(error).__name__}: {error}"[:_ERROR_LENGTH_MAX], _stack_of(error))


def _stack_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__, limit=-_STACK_FRAMES_MAX)
    return "\n".join(f"{_module_of(one.filename)}:{one.lineno} {one.name}" for one in frames)


def _module_of(filename: str) -> str:
    """Return the name of a source file from its package on: where that is installed is no reader's concern."""
    parts = filename.removesuffix(".py").split("/")
    for root in ("site-packages", *_ROOTS):
        if root in parts:
            at = len(parts) - 1 - parts[::-1].index(root)
            return ".".join(parts[at + (root == "site-packages") :])
    return ".".join(parts[-2:])


async def bury(tx: Tx, morgue: Morgue, buried: Sequence[tuple[Record, Why]]) -> list[DeadLetter]:
    """Keep records with the reason of each; return what is kept of each.

    A letter that is there already stays and is told once; one that somebody tried to digest again is kept on.
    """
    letters: list[DeadLetter] = []
    rows: list[outbox.OutboxRow] = []
    for record, why in buried:
        envelope = _envelope(record)
        letter = _letter(record, envelope, why, _micros(tx.now))
        letters.append(letter)
        rows.append(_message(morgue, record, envelope, letter, tx))
    if letters:
        table = morgue.table
        new = await tx.insert_new(table, DeadLetter._fields, letters, ("id",))
        told = [row for row, letter in zip(rows, letters, strict=True) if (letter.id,) in new]
        await outbox.put(tx, morgue.house, told)
        known = [letter.id for letter in letters if (letter.id,) not in new]
        await tx.execute(update(table).where(table.c.id.in_(known), table.c.state == _IN_HAND).values(state=KEPT))
    return letters


async def letters_after(
    tx: Tx, table: Table, book: str | None, state: str | None, after: tuple[int, str], limit: int
) -> list[DeadLetter]:
    """Return letters in the order in which they were kept, after (at, id)."""
    statement = select(table).where(tuple_(table.c.at, table.c.id) > tuple_(*after))
    if book is not None:
        statement = statement.where(table.c.book == book)
    if state is not None:
        statement = statement.where(table.c.state == state)
    rows = await tx.rows(statement.order_by(table.c.at, table.c.id).limit(limit))
    return [DeadLetter(*row) for row in rows]


async def letter_with_id(tx: Tx, table: Table, letter: str) -> DeadLetter | None:
    """Return one letter."""
    row = await tx.row(select(table).where(table.c.id == letter))
    return None if row is None else DeadLetter(*row)


async def take_letter(tx: Tx, table: Table, letter: str) -> bool:
    """Take a letter that is kept in hand, to the end of the transaction; False when somebody has settled it."""
    taken = update(table).where(table.c.id == letter, table.c.state == KEPT).values(state=_IN_HAND)
    return await tx.execute(taken) == 1


async def settle_letter(tx: Tx, table: Table, letter: DeadLetter) -> bool:
    """Write what became of a letter in hand; False when it was buried again since it was taken."""
    settled = update(table).where(table.c.id == letter.id, table.c.state == _IN_HAND)
    values = {name: getattr(letter, name) for name in ("state", "settled_by", "settled_at", "comment")}
    return await tx.execute(settled.values(**values)) == 1


async def count_letters(tx: Tx, table: Table, book: str, client: str | None = None) -> int:
    """Return the number of dead letters of a book, or of one client of it, that nobody has settled."""
    statement = select(func.count()).select_from(table).where(table.c.book == book, table.c.state == KEPT)
    if client is not None:
        statement = statement.where(table.c.client == client)
    row = await tx.row(statement)
    return 0 if row is None else int(row[0])


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _envelope(record: Record) -> Envelope | None:
    try:
        return from_headers(record.headers)
    except ValueError:
        return None


def _shown(text: str) -> str:
    """Return what a damaged message says of itself as it may be kept: databases take no NUL and index no long text."""
    return "".join(one if one.isprintable() else "?" for one in text[:_SHOWN_MAX])


def _letter(record: Record, envelope: Envelope | None, why: Why, at_us: int) -> DeadLetter:
    return DeadLetter(
        hashed_id(record.topic, record.partition, record.offset),
        record.topic,
        record.partition,
        record.offset,
        "" if envelope is None else _shown(envelope.book),
        "" if envelope is None else _shown(envelope.client),
        "" if envelope is None else _shown(envelope.type),
        why.reason,
        why.error[:_ERROR_LENGTH_MAX].replace("\0", "?"),
        _ENCODE([(name, base64.b64encode(value).decode()) for name, value in record.headers]),
        record.value,
        at_us,
        _shown(record.key.decode(errors="replace")),
        KEPT,
        "",
        0,
        "",
        "" if envelope is None else _shown(envelope.id),
        "" if envelope is None else _shown(envelope.source),
        why.stack,
    )


def _message(morgue: Morgue, record: Record, envelope: Envelope | None, letter: DeadLetter, tx: Tx) -> outbox.OutboxRow:
    personal = record.topic in COMPACTED
    fields: dict[str, Any] = {
        "origin_topic": record.topic,
        "origin_partition": record.partition,
        "origin_offset": record.offset,
        "reason": letter.reason,
        "error": letter.error.partition(":")[0] if personal else letter.error,
        # Personal data leaves its own topic for no other (D19): such a letter names its record and no more.
        "event_id": letter.event_id,
        "producer": letter.producer,
        "stack": letter.stack,
        "value_base64": "" if personal else base64.b64encode(record.value[:_BODY_MAX]).decode(),
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
            origin_id="" if envelope is None else _shown(envelope.id),
            traceparent=onward(origin_of(record.headers)),
        )
    )
    # The same partition as its origin: dead letters of one lane stay in order and are written by one owner.
    return outbox.OutboxRow(
        event_id, morgue.message.topic, record.partition, letter.key, headers, _ENCODE(morgue.message(**fields))
    )
