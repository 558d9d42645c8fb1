"""Dead letters: kept in the database, told to the world, and the client marked as degraded (D11)."""

import base64
from collections.abc import Sequence

import msgspec

from services.risk.domain.moments import micros_of
from services.risk.handlers.arrivals import Arrival
from services.risk.handlers.clients import NO_MOVES
from services.risk.store import subjects
from services.risk.store.letters import DeadLetter, add_letters
from services.risk.store.tables import HOUSE
from shared.db import outbox
from shared.db.port import Tx
from shared.events.base import Topic
from shared.events.envelope import Envelope, from_headers, to_headers
from shared.events.risk import MessageDeadLettered
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.telemetry import traceparent

SOURCE = "/tocsin/risk"
UNDIGESTIBLE = "undigestible"
SAME_ID_OTHER_BODY = "same_id_other_body"
_BODY_MAX = 512 * 1024
"""Bytes of a poisonous message that its dead letter carries on; the database keeps all of them."""
_ENCODE = msgspec.json.encode


async def keep_dead_letter(tx: Tx, record: Record, error: str) -> None:
    """Keep a record that cannot be folded even alone, with the error's text."""
    await _bury(tx, [(record, UNDIGESTIBLE, error)])


async def bury_conflicts(tx: Tx, arrivals: Sequence[Arrival]) -> None:
    """Keep facts whose id the ledger has with another body: not to be folded (D10)."""
    text = "the ledger has another body under the same id"
    await _bury(tx, [(one.record, SAME_ID_OTHER_BODY, text) for one in arrivals])


async def _bury(tx: Tx, buried: Sequence[tuple[Record, str, str]]) -> None:
    if not buried:
        return
    letters, rows = [], []
    degraded: set[tuple[str, str, int]] = set()
    for record, reason, error in buried:
        envelope = _envelope(record)
        letter = _letter(record, envelope, (reason, error), micros_of(tx.now))
        letters.append(letter)
        rows.append(_message(record, envelope, letter, tx))
        if letter.book and letter.client:
            degraded.add((letter.book, letter.client, record.partition))
    await add_letters(tx, letters)
    await outbox.put(tx, HOUSE, rows)
    for book, client, partition in sorted(degraded):
        await subjects.degrade_client(tx, book, client, partition, NO_MOVES)


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


def _message(record: Record, envelope: Envelope | None, letter: DeadLetter, tx: Tx) -> outbox.OutboxRow:
    message = MessageDeadLettered(
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
        reason=letter.reason,
        error=letter.error,
        value_base64=base64.b64encode(record.value[:_BODY_MAX]).decode(),
    )
    headers = to_headers(
        Envelope(
            id=hashed_id(letter.id, "dead-letter"),
            source=SOURCE,
            type=MessageDeadLettered.type,
            time=tx.now,
            subject=letter.id,
            book=letter.book,
            client=letter.client,
            origin_id="" if envelope is None else envelope.id,
            traceparent=traceparent(),
        )
    )
    # The same partition as its origin: dead letters of one lane stay in order and are written by one owner.
    return outbox.OutboxRow(
        hashed_id(letter.id, "dead-letter"),
        Topic.RISK_DEAD_LETTERS,
        record.partition,
        record.key.decode(errors="replace"),
        headers,
        _ENCODE(message),
    )
