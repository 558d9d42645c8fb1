"""What comes in, decoded and checked as far as no state is needed: a fact that intake understands, or a refusal.

One CloudEvent as JSON (HTTP, structured mode), a record of the log (binary or structured mode), or the fields of a
resource. The bytes of a fact's `data` are kept as they came and passed on unchanged.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from services.intake.domain.findings import ID_LENGTH_MAX, SOURCE_LENGTH_MAX, Finding, origin_problem
from services.intake.domain.reading import Reading, event_id_of, microseconds, read_fact
from services.intake.domain.rules import RULES, check_fact
from services.intake.domain.verdict import REVERSAL, Replacement, Target
from services.intake.handlers.explaining import explain_json, explain_wrong
from services.intake.handlers.shapes import DECODERS, STRICT
from shared.kernel.ids import digest_of
from shared.log.port import Record

STRUCTURED = "application/cloudevents+json"
FINDINGS_MAX = 100
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.decode
WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Bounds(NamedTuple):
    """What a fact may not exceed."""

    max_fact_bytes: int
    latest_forecast: date


class IncomingFact(msgspec.Struct, gc=False, kw_only=True):
    """A fact that is understood."""

    event_id: str
    source: str
    origin_id: str
    reading: Reading
    digest: str
    """Tells a repeated fact from another one under the same id; blanks and the order of fields do not matter."""
    body: bytes
    received_at_us: int
    origin: tuple[str, int, int] | None = None
    """Topic, partition, offset, when it was read from a topic."""
    item: str = ""
    """Its id in quarantine, when it comes from there."""
    place: str = ""
    """Pointer to its body inside what was sent."""
    traceparent: str = ""
    """The trace that it came with, when that is its own and not that of the request."""

    @property
    def known_at_us(self) -> int:
        """Return when the lender knew: as said, else when it was received (D1)."""
        known_at_us = self.reading.known_at_us
        return self.received_at_us if known_at_us is None else known_at_us

    @property
    def order(self) -> tuple[int, int, str]:
        """Return by what facts that waited together go on (D11)."""
        return self.reading.value_date, self.known_at_us, self.event_id


class Refusal(NamedTuple):
    """What is not understood, with everything that is wrong with it; id and source as far as they could be read."""

    origin_id: str
    source: str
    type: str
    findings: tuple[Finding, ...]


class _Event(msgspec.Struct, gc=False):
    """CloudEvents 1.0.2 in JSON; extension attributes are allowed and not needed."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw


_decode_event = msgspec.json.Decoder(_Event).decode


def read_event(raw: bytes | msgspec.Raw, now: datetime, bounds: Bounds) -> IncomingFact | Refusal:
    """Read one CloudEvent as JSON; pointers of findings begin at the event."""
    if len(memoryview(raw)) > bounds.max_fact_bytes:
        return Refusal("", "", "", (Finding("", f"larger than {bounds.max_fact_bytes} bytes"),))
    try:
        event = _decode_event(raw)
    except WRONG as error:
        return _explain_event(raw, str(error))
    found = _attribute_findings(event.specversion, event.id, event.source, event.type)
    if event.type not in RULES:
        return _refuse_event(event.id, event.source, event.type, found)
    return _read_body(event.id, event.source, event.type, bytes(event.data), now, bounds, found, "/data")


def read_body(
    origin_id: str, source: str, fact_type: str, body: bytes, now: datetime, bounds: Bounds
) -> IncomingFact | Refusal:
    """Read a fact of a known type whose attributes came apart from its body; pointers begin at the body."""
    found: list[Finding] = []
    for name, value, length_max in (("id", origin_id, ID_LENGTH_MAX), ("source", source, SOURCE_LENGTH_MAX)):
        if problem := origin_problem(value, length_max):
            found.append(Finding(f"/{name}", problem))
    return _read_body(origin_id, source, fact_type, body, now, bounds, found, "")


def read_record(record: Record, now: datetime, bounds: Bounds) -> IncomingFact | Refusal:
    """Read a record of `tocsin.facts`: CloudEvents in binary mode (`ce_*` headers) or in structured mode."""
    headers = {name.lower(): value.decode("utf-8", "replace") for name, value in record.headers}
    origin = (record.topic, record.partition, record.offset)
    structured = headers.get("content-type", "").startswith(STRUCTURED)
    if structured or not any(name.startswith("ce_") for name in headers):
        incoming = read_event(record.value, now, bounds)
    else:
        incoming = _read_binary(headers, record.value, now, bounds)
    if isinstance(incoming, IncomingFact):
        incoming.origin, incoming.traceparent = origin, headers.get("traceparent", "")
    return incoming


def read_replacement(
    correction: IncomingFact, target: Target, now: datetime, bounds: Bounds
) -> Replacement | tuple[Finding, ...] | None:
    """Read the body of a correction like a fact of its target's type; None when the correction annuls it."""
    body = _decode(correction.body).get("body")
    if body is None or target.type not in RULES:
        return None
    read = _read_body("-", correction.source, target.type, _encode(body), now, bounds, [], "/body")
    if isinstance(read, Refusal):
        return read.findings
    return Replacement(read.reading, body["repayment"] if target.type == REVERSAL else "")


def target_from(event_id: str, fact_type: str, book: str, subject: str, client: str, body: bytes) -> Target:
    """Return an accepted fact as the target of a later one."""
    repayment = _decode(body)["repayment"] if fact_type == REVERSAL else ""
    return Target(event_id, fact_type, book, subject, client, repayment)


def _read_binary(headers: Mapping[str, str], value: bytes, now: datetime, bounds: Bounds) -> IncomingFact | Refusal:
    version, origin_id, source, fact_type = (
        headers.get(f"ce_{name}", "") for name in ("specversion", "id", "source", "type")
    )
    found = _attribute_findings(version, origin_id, source, fact_type)
    if len(value) > bounds.max_fact_bytes:
        found.append(Finding("/data", f"larger than {bounds.max_fact_bytes} bytes"))
    if fact_type not in RULES or found:
        return _refuse_event(origin_id, source, fact_type, found)
    return _read_body(origin_id, source, fact_type, value, now, bounds, found, "/data")


def _read_body(
    origin_id: str,
    source: str,
    fact_type: str,
    body: bytes,
    now: datetime,
    bounds: Bounds,
    found: list[Finding],
    place: str,
) -> IncomingFact | Refusal:
    rule = RULES[fact_type]
    try:
        fact = DECODERS[fact_type].decode(body)
    except WRONG as error:
        fact, wrong = explain_json(body, STRICT[fact_type], str(error))
        found += _placed(wrong, place)
    if fact is not None and (wrong := check_fact(rule, fact, now)):
        found += _placed(wrong, place)
    if len(body) > bounds.max_fact_bytes:
        found.append(Finding(place, f"larger than {bounds.max_fact_bytes} bytes"))
    if found:
        return Refusal(origin_id, source, fact_type, tuple(found[:FINDINGS_MAX]))
    return IncomingFact(
        event_id=event_id_of(source, origin_id),
        source=source,
        origin_id=origin_id,
        reading=read_fact(fact_type, rule, fact, source, bounds.latest_forecast),
        digest=digest_of(fact_type.encode() + _encode(_decode(body))),
        body=body,
        received_at_us=_received_us(now),
        place=place,
    )


@lru_cache(maxsize=16)
def _received_us(now: datetime) -> int:
    """Return a moment of receipt as stored: the same for all facts of a batch."""
    return microseconds(now)


def _placed(found: list[Finding], place: str) -> list[Finding]:
    return [Finding(place + one.pointer, one.detail) for one in found] if place else found


def _attribute_findings(version: str, origin_id: str, source: str, fact_type: str) -> list[Finding]:
    found = []
    if version != "1.0":
        found.append(Finding("/specversion", 'is "1.0"'))
    if problem := origin_problem(origin_id, ID_LENGTH_MAX):
        found.append(Finding("/id", problem))
    if problem := origin_problem(source, SOURCE_LENGTH_MAX):
        found.append(Finding("/source", problem))
    if fact_type not in RULES:
        found.append(Finding("/type", "is not the type of a fact"))
    return found


def _refuse_event(origin_id: str, source: str, fact_type: str, found: list[Finding]) -> Refusal:
    return Refusal(origin_id, source, fact_type, tuple(found))


def _explain_event(raw: bytes | msgspec.Raw, decoder_error: str) -> Refusal:
    """Say what is wrong with an event that could not be decoded, as far as its attributes."""
    try:
        event = _decode(raw)
    except WRONG as error:
        return Refusal("", "", "", (Finding("", explain_wrong(str(error))),))
    if not isinstance(event, dict):
        return Refusal("", "", "", (Finding("", "is not a JSON object"),))
    found = []
    texts: dict[str, str] = {}
    for name in ("specversion", "id", "source", "type"):
        value = event.get(name)
        if name not in event:
            found.append(Finding(f"/{name}", "is required"))
        elif not isinstance(value, str):
            found.append(Finding(f"/{name}", "is a string"))
        else:
            texts[name] = value
    if "data" not in event:
        found.append(Finding("/data", "is required"))
    present = _attribute_findings(*(texts.get(name, "") for name in ("specversion", "id", "source", "type")))
    found += [one for one in present if one.pointer[1:] in texts]
    if not found:
        # A key that stands there twice: its last value is right, its first one is not.
        found.append(Finding("", explain_wrong(decoder_error)))
    return Refusal(texts.get("id", ""), texts.get("source", ""), texts.get("type", ""), tuple(found))
