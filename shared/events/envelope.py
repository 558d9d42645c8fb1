"""CloudEvents 1.0 envelopes: binary mode on the log (`ce_*` headers), structured JSON also read.

Source: CloudEvents 1.0.2, Kafka protocol binding 1.0, section 3. Extension attributes are lower-case words without
separators, as the specification asks.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache

import msgspec

Headers = tuple[tuple[str, bytes], ...]


class Envelope(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What travels beside a body between our services."""

    id: str
    """Event id: hashed from source and the producer's id, 32 hexadecimal digits; the ledger's key."""
    source: str
    type: str
    time: datetime
    """When we received it (UTC)."""
    subject: str = ""
    """Loan, project or client that a fact is about; alert; book."""
    book: str = ""
    client: str = ""
    """Client id of first registration: the key of all its facts (D8)."""
    known_at: datetime | None = None
    target: str = ""
    """Event id of the earlier fact that a reversal or correction names."""
    origin_id: str = ""
    """The producer's own id."""
    traceparent: str = ""


_SPECVERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = ("content-type", b"application/json")


def to_headers(envelope: Envelope) -> Headers:
    """Return the headers of binary mode; empty attributes are left out."""
    headers = [
        _SPECVERSION,
        _CONTENT_TYPE,
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
    ]
    # Written out, because this runs once for every message that leaves.
    for header, value in (
        ("ce_subject", envelope.subject),
        ("ce_book", envelope.book),
        ("ce_client", envelope.client),
        ("ce_target", envelope.target),
        ("ce_originid", envelope.origin_id),
        ("traceparent", envelope.traceparent),
    ):
        if value:
            headers.append((header, value.encode()))
    headers.append(("ce_time", _stamp(envelope.time)))
    if envelope.known_at is not None:
        headers.append(("ce_knownat", _stamp(envelope.known_at)))
    return tuple(headers)


@lru_cache(maxsize=4_096)
def _stamp(moment: datetime) -> bytes:
    """Return a moment as text; those of one batch are the same over and over."""
    return moment.isoformat().encode()


def from_headers(headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """Return the envelope of a message in binary mode; ValueError names all attributes that are missing or wrong."""
    found = dict(headers)
    if "ce_id" not in found:
        found = {name.lower(): value for name, value in found.items()}
    wrong = [name for name in ("ce_id", "ce_source", "ce_type", "ce_time") if not found.get(name)]
    if wrong:
        raise ValueError(f"CloudEvents attributes missing: {', '.join(wrong)}")
    known_at, text = found.get("ce_knownat"), found.get
    # Written out, because this runs once for every message that comes.
    return Envelope(
        id=found["ce_id"].decode(),
        source=found["ce_source"].decode(),
        type=found["ce_type"].decode(),
        time=_moment(found["ce_time"]),
        subject=text("ce_subject", b"").decode(),
        book=text("ce_book", b"").decode(),
        client=text("ce_client", b"").decode(),
        known_at=_moment(known_at) if known_at else None,
        target=text("ce_target", b"").decode(),
        origin_id=text("ce_originid", b"").decode(),
        traceparent=text("traceparent", b"").decode(),
    )


@lru_cache(maxsize=4_096)
def _moment(value: bytes) -> datetime:
    moment = datetime.fromisoformat(value.decode())
    if moment.tzinfo is None:
        raise ValueError(f"{value.decode()!r} is a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{value.decode()!r} is a time beyond all calendars") from error


def start_of(day: date) -> datetime:
    """Return midnight UTC of a date: the moment that stands for `known_at` where only a day is known."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
