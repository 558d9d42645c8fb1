"""Into the ledger, each fact once (D10), and out of it again as it came."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from services.risk.domain.moments import moment_of
from services.risk.handlers import arrivals as reading
from services.risk.handlers.arrivals import Arrival, decode_body
from services.risk.handlers.letters import bury_conflicts
from services.risk.store import facts
from shared.db.port import Tx
from shared.events.envelope import Envelope
from shared.log.port import Record
from shared.runtime.service import Poison


async def into_ledger(tx: Tx, arrived: Sequence[Arrival]) -> list[Arrival]:
    """Write facts that are not there yet; return them. The same id with another body is a dead letter (D10)."""
    if not arrived:
        return []
    first: dict[str, Arrival] = {}
    resolved = await _with_subjects(tx, arrived)
    repeated = [one for one in resolved if first.setdefault(one.envelope.id, one) is not one]
    digests = {event_id: reading.digest(one) for event_id, one in first.items()}
    new = await facts.add_facts(tx, [_ledger_row(one, digests[event_id]) for event_id, one in first.items()])
    known = [event_id for event_id in first if event_id not in new]
    if known or repeated:
        stored = {**digests, **(await facts.digests_of(tx, known) if known else {})}
        again = [*repeated, *(first[event_id] for event_id in known)]
        conflicts = [one for one in again if stored.get(one.envelope.id) != reading.digest(one)]
        await bury_conflicts(tx, conflicts)
    return [one for event_id, one in first.items() if event_id in new]


async def _with_subjects(tx: Tx, arrived: Sequence[Arrival]) -> list[Arrival]:
    """Return the facts with the subject of each correction filled in: that of its target."""
    corrections = [one for one in arrived if not one.subject]
    if not corrections:
        return list(arrived)
    stored = await facts.subjects_of(tx, {one.envelope.target for one in corrections})
    subjects = {event_id: subject for event_id, (subject, _) in stored.items()}
    resolved: list[Arrival] = []
    for one in arrived:
        if not one.subject:
            subject = subjects.get(one.envelope.target)
            if subject is None:
                raise Poison(f"fact {one.envelope.target or '(none)'}, which is corrected, is not in the ledger")
            one = msgspec.structs.replace(one, subject=subject)
        subjects.setdefault(one.envelope.id, one.subject)
        resolved.append(one)
    return resolved


def _ledger_row(one: Arrival, digest: str) -> facts.LedgerRow:
    record, envelope = one.record, one.envelope
    return (
        envelope.id,
        record.topic,
        record.partition,
        record.offset,
        one.message.book,
        envelope.client,
        one.subject,
        envelope.type,
        one.day,
        one.known_at_us,
        one.received_at_us,
        envelope.target,
        digest,
        record.value,
    )


def arrival_of(row: Row[Any]) -> Arrival:
    """Return an event of the ledger as it once came, as far as the fold looks at it."""
    envelope = Envelope(
        id=row.event_id,
        source="",
        type=row.type,
        time=moment_of(row.received_at),
        book=row.book,
        client=row.client,
        known_at=moment_of(row.known_at),
        target=row.target,
    )
    record = Record(row.topic, row.partition, row.offset, b"", (), row.body, 0)
    message = decode_body(row.type, row.body)
    return Arrival(record, envelope, message, row.subject, row.value_date, row.known_at, row.received_at)
