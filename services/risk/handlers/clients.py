"""Clients: attribute history, aliases, and whose loans and projects have to be folded again for them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from services.risk.domain.book import BookTerms
from services.risk.domain.client import history_of
from services.risk.domain.segments import SegmentLog, SegmentMove, segment_log
from services.risk.handlers.arrivals import Arrival, split_subject
from services.risk.handlers.translate import Told, client_facts, told_from_row
from services.risk.store import facts, subjects
from shared.db.port import Tx

ClientKey = tuple[str, str]
"""(book, client)."""

_ENCODER = msgspec.msgpack.Encoder()
_MOVES = msgspec.msgpack.Decoder(list[SegmentMove])
NO_MOVES = _ENCODER.encode([])


class Moved(NamedTuple):
    """A client that was not known, or whose segments changed: its attributes before, and when the lender knew."""

    before: list[SegmentMove]
    known_at_us: int
    traceparent: str


class Clients(NamedTuple):
    """Clients after a batch's client facts."""

    current: dict[ClientKey, list[SegmentMove]]
    """Those that the batch touched."""
    moved: dict[ClientKey, Moved]
    subjects: dict[ClientKey, list[str]]
    """The loans and projects of the moved ones."""


NOBODY = Clients({}, {}, {})
"""The clients of a batch that speaks of none."""


def unpack_moves(packed: bytes) -> list[SegmentMove]:
    """Return a client's stored attribute history."""
    return _MOVES.decode(packed)


async def fold_clients(tx: Tx, partition: int, arrived: Sequence[Arrival], terms: Mapping[str, BookTerms]) -> Clients:
    """Bring the clients that a batch speaks of up to date."""
    if not arrived:
        return NOBODY
    by_client: dict[ClientKey, list[Arrival]] = {}
    for one in arrived:
        _, book, client = split_subject(one.subject)
        by_client.setdefault((book, client), []).append(one)
    kept = await subjects.clients_kept(tx, by_client)
    stored = await facts.facts_of(tx, [f"client/{book}/{client}" for book, client in kept]) if kept else {}
    current: dict[ClientKey, list[SegmentMove]] = {}
    moved: dict[ClientKey, Moved] = {}
    rows: list[subjects.ClientRow] = []
    for key, of_client in by_client.items():
        book, client = key
        told = [told_from_row(row) for row in stored.get(f"client/{book}/{client}", ())]
        history = history_of(client_facts(told or told_of(of_client)))
        current[key] = history.moves
        before = kept.get(key)
        moves = [] if before is None else unpack_moves(before.moves)
        if before is None or not before.kind or _segments(moves, terms[book]) != _segments(history.moves, terms[book]):
            last = max(of_client, key=lambda one: one.known_at_us)
            moved[key] = Moved(moves, last.known_at_us, last.envelope.traceparent)
        degraded = before is not None and before.degraded
        rows.append(
            subjects.ClientRow(
                book, client, partition, history.form, history.alias_of, _ENCODER.encode(history.moves), degraded
            )
        )
    await subjects.save_clients(tx, rows)
    # Nothing of a new client is there yet, unless intake let it through: then it is folded again, too.
    theirs = await subjects.subjects_of_clients(tx, moved) if moved else {}
    return Clients(current, {key: moved[key] for key in theirs}, theirs)


def _segments(moves: Sequence[SegmentMove], terms: BookTerms) -> SegmentLog:
    """Return what of a client's history its loans depend on: attributes that the book is not cut by do not matter."""
    return segment_log({}, moves, terms.segment_attributes)


def told_of(arrived: Iterable[Arrival]) -> list[Told]:
    """Return facts of the batch for translation."""
    return [
        Told(one.envelope.id, one.envelope.type, one.known_at_us, one.envelope.target, one.message, one.day)
        for one in arrived
    ]
