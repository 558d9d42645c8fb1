"""Quarantine: keep what cannot go on, take it up again, dismiss it (D11). Nothing that came in is lost."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from services.intake.domain.findings import ID_LENGTH_MAX, SOURCE_LENGTH_MAX, Finding
from services.intake.domain.reading import event_id_of, microseconds
from services.intake.domain.reasons import HeldReason, State
from services.intake.domain.rules import RULES
from services.intake.domain.verdict import Held, Refused, Verdict, Waiting, reasons_of
from services.intake.handlers.facts_in import Bounds, IncomingFact, Refusal, read_body
from services.intake.store import quarantine
from shared.db.port import Tx
from shared.kernel.ids import digest_of, hashed_id
from shared.log.port import Headers, Record

_pack = msgspec.msgpack.Encoder().encode
_unpack_headers = msgspec.msgpack.Decoder(Headers).decode
_TYPE_LENGTH_MAX = 128


async def keep_understood(tx: Tx, kept: Sequence[tuple[IncomingFact, Verdict]]) -> None:
    """Keep facts that wait or are held; refused ones only if they are kept already."""
    fresh: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    pairs: list[tuple[str, str]] = []
    settled: list[str] = []
    for fact, verdict in kept:
        if not fact.item and isinstance(verdict, Refused):
            continue
        row = _understood_row(fact, verdict)
        (again if fact.item else fresh).append(row)
        if fact.item:
            settled.append(fact.item)
        if isinstance(verdict, Waiting):
            pairs += [(need, row["item"]) for need in verdict.needs]
    if fresh:
        await quarantine.add(tx, fresh)
    if again:
        await quarantine.forget_needs(tx, settled)
        await quarantine.replace(tx, again)
    if pairs:
        await quarantine.wait_for(tx, pairs)


async def keep_refused(tx: Tx, record: Record, refusal: Refusal, reason: HeldReason, now: datetime) -> None:
    """Keep a record that is not understood, or must not be taken as what it says, with its raw bytes."""
    known_us = microseconds(now)
    event_id = ""
    if refusal.origin_id and refusal.source:
        event_id = event_id_of(refusal.source, refusal.origin_id)
    row = {
        "item": hashed_id(record.topic, record.partition, record.offset),
        "event_id": event_id,
        "source": _shown(refusal.source, SOURCE_LENGTH_MAX),
        "origin_id": _shown(refusal.origin_id, ID_LENGTH_MAX),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "book": "",
        "subject": "",
        "type": _shown(refusal.type, _TYPE_LENGTH_MAX),
        "value_date": 0,
        "known_at": known_us,
        "received_at": known_us,
        "state": State.QUARANTINED.value,
        "reason": reason.value,
        "missing": [],
        "findings": _plain(refusal.findings),
        "digest": digest_of(record.value),
        "headers": _pack(record.headers),
        "body": record.value,
        "comment": "",
        "settled_at": None,
    }
    await quarantine.add(tx, [row])


async def hold_malformed(tx: Tx, row: Row[Any], refusal: Refusal) -> None:
    """Mark a kept item as malformed: it waits for nothing, a person looks at it."""
    await quarantine.forget_needs(tx, [row.item])
    await rewrite(tx, row, HeldReason.MALFORMED, refusal.findings)


async def rewrite(tx: Tx, row: Row[Any], reason: HeldReason, findings: tuple[Finding, ...]) -> None:
    """Note anew why an item is held."""
    changed = {"state": State.QUARANTINED.value, "reason": reason.value, "missing": [], "findings": _plain(findings)}
    await quarantine.replace(tx, [{**row._mapping, **changed}])


def understood_again(row: Row[Any], now: datetime, bounds: Bounds) -> IncomingFact | Refusal:
    """Return a kept fact as it would be read today; its times stay those of its arrival."""
    if row.type not in RULES:
        return Refusal(row.origin_id, row.source, row.type, (Finding("/type", "is not the type of a fact"),))
    fact = read_body(row.origin_id, row.source, row.type, row.body, now, bounds)
    if isinstance(fact, IncomingFact):
        fact.received_at_us, fact.item = row.received_at, row.item
        if row.topic is not None:
            fact.origin = (row.topic, row.partition, row.offset)
    return fact


def record_of(row: Row[Any]) -> Record:
    """Return a kept record as it was read from its topic."""
    headers = _unpack_headers(row.headers)
    return Record(row.topic, row.partition, row.offset, b"", headers, row.body, row.received_at // 1_000)


def _understood_row(fact: IncomingFact, verdict: Verdict) -> dict[str, Any]:
    reading = fact.reading
    topic, partition, offset = fact.origin or (None, None, None)
    state, reason, missing, findings = _why(verdict)
    return {
        "item": fact.item or fact.event_id,
        "event_id": fact.event_id,
        "source": fact.source,
        "origin_id": fact.origin_id,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "book": reading.book,
        "subject": reading.subject,
        "type": reading.type,
        "value_date": reading.value_date,
        "known_at": fact.known_at_us,
        "received_at": fact.received_at_us,
        "state": state.value,
        "reason": reason.value,
        "missing": missing,
        "findings": _plain(findings),
        "digest": fact.digest,
        "headers": b"",
        "body": fact.body,
        "comment": "",
        "settled_at": None,
    }


def _why(verdict: Verdict) -> tuple[State, HeldReason, list[str], tuple[Finding, ...]]:
    if isinstance(verdict, Waiting):
        return State.WAITING, reasons_of(verdict.needs)[0], list(verdict.needs), ()
    if isinstance(verdict, Held):
        return State.QUARANTINED, verdict.reason, [], verdict.findings
    assert isinstance(verdict, Refused)
    return State.QUARANTINED, HeldReason.MALFORMED, [], verdict.findings


def _plain(findings: tuple[Finding, ...]) -> list[dict[str, str]]:
    return [{"pointer": one.pointer, "detail": one.detail} for one in findings]


def _shown(text: str, length_max: int) -> str:
    """Return foreign text as it may be stored and shown: printable and short."""
    return "".join(one if one.isprintable() else "?" for one in text[:length_max])
