"""What became of a fact, and what lies in quarantine, as callers read it."""

from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Row

from services.intake.domain.reading import moment_of
from services.intake.domain.reasons import State
from services.intake.handlers.keeping import record_of
from services.intake.handlers.outcomes import Wrong
from services.intake.store import ledger, quarantine
from shared.db.port import Tx
from shared.kernel.days import date_of


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where in a topic something was read."""

    topic: str
    partition: int
    offset: int


class FactTold(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What became of one fact."""

    fact: str
    id: str
    source: str
    type: str
    book: str
    subject: str
    outcome: Literal["accepted", "waiting", "quarantined", "dismissed"]
    received_at: str
    client: str | None = None
    value_date: str | None = None
    known_at: str | None = None
    position: Position | None = None
    reasons: list[str] = []
    missing: list[str] = []
    errors: list[Wrong] = []


class ItemTold(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One item of the quarantine."""

    item: str
    fact: str
    id: str
    source: str
    type: str
    book: str
    subject: str
    state: Literal["waiting", "quarantined", "dismissed"]
    reason: str
    missing: list[str]
    errors: list[Wrong]
    received_at: str
    position: Position | None
    comment: str
    settled_at: str | None


class ItemShown(ItemTold, frozen=True, gc=False, kw_only=True):
    """One item of the quarantine with its bytes: as text when they are text, and as they are."""

    headers: dict[str, str]
    body_text: str | None
    body_base64: bytes


class Found(NamedTuple):
    """What was found under an id."""

    facts: list[FactTold]
    """One per source that used the id."""


async def find_fact(tx: Tx, identity: str, source: str | None) -> Found:
    """Return what became of a fact, by event id or producer's id; the ledger's word counts before the quarantine's."""
    rows = await ledger.find(tx, identity, source)
    told = {row.event_id: _accepted(row) for row in rows}
    for row in await quarantine.find(tx, identity, source):
        told.setdefault(row.event_id or row.item, _kept(row))
    if identity in told:
        return Found([told[identity]])
    return Found(list(told.values()))


def item_told(row: Row[Any]) -> ItemTold:
    """Return an item as lists show it."""
    return ItemTold(**_item(row))


def item_shown(row: Row[Any]) -> ItemShown:
    """Return an item with its bytes."""
    headers = {}
    if row.headers:
        headers = {name: value.decode("utf-8", "replace") for name, value in record_of(row).headers}
    try:
        text: str | None = row.body.decode()
    except UnicodeDecodeError:
        text = None
    return ItemShown(headers=headers, body_text=text, body_base64=row.body, **_item(row))


def _item(row: Row[Any]) -> dict[str, Any]:
    return {
        "item": row.item,
        "fact": row.event_id,
        "id": row.origin_id,
        "source": row.source,
        "type": row.type,
        "book": row.book,
        "subject": row.subject,
        "state": row.state,
        "reason": row.reason,
        "missing": row.missing,
        "errors": _wrongs(row),
        "received_at": moment_of(row.received_at).isoformat(),
        "position": _position(row),
        "comment": row.comment,
        "settled_at": None if row.settled_at is None else moment_of(row.settled_at).isoformat(),
    }


def _accepted(row: Row[Any]) -> FactTold:
    return FactTold(
        fact=row.event_id,
        id=row.origin_id,
        source=row.source,
        type=row.type,
        book=row.book,
        subject=row.subject,
        client=row.client,
        outcome="accepted",
        value_date=date_of(row.value_date).isoformat(),
        known_at=moment_of(row.known_at).isoformat(),
        received_at=moment_of(row.received_at).isoformat(),
        position=_position(row),
    )


def _kept(row: Row[Any]) -> FactTold:
    understood = row.value_date > 0
    return FactTold(
        fact=row.event_id,
        id=row.origin_id,
        source=row.source,
        type=row.type,
        book=row.book,
        subject=row.subject,
        outcome=State(row.state).value,
        value_date=date_of(row.value_date).isoformat() if understood else None,
        known_at=moment_of(row.known_at).isoformat() if understood else None,
        received_at=moment_of(row.received_at).isoformat(),
        position=_position(row),
        reasons=[row.reason],
        missing=row.missing,
        errors=_wrongs(row),
    )


def _wrongs(row: Row[Any]) -> list[Wrong]:
    return [Wrong(one["pointer"], one["detail"]) for one in row.findings]


def _position(row: Row[Any]) -> Position | None:
    return None if row.topic is None else Position(row.topic, row.partition, row.offset)
