"""Which figures may lack a message that could not be digested: those of the segments of its client (D11)."""

from typing import NamedTuple

import msgspec

from services.risk.domain.loan_state import LoanState
from services.risk.domain.segments import PORTFOLIO, segments_of
from services.risk.handlers.clients import unpack_moves
from services.risk.store import books, subjects
from shared.db.port import Tx

_CLIENTS_MAX = 20
"""Degraded clients of a book of whom each is looked at; of more than these every segment counts as degraded."""
_LOANS_MAX = 100
_STATE = msgspec.msgpack.Decoder(LoanState).decode


class Degraded(NamedTuple):
    """The segments of a book that may lack something; None: all of them."""

    segments: frozenset[str] | None

    def touches(self, segment: str) -> bool:
        """Tell whether the figures of a segment may lack something."""
        return self.segments is None or segment in self.segments


NOTHING, EVERYTHING = Degraded(frozenset()), Degraded(None)


async def degraded_of(tx: Tx, book: str) -> Degraded:
    """Return which segments of a book may lack something: all that its degraded clients and their loans ever counted
    in; all of the book when nothing is known of one of them."""
    names = await subjects.degraded_clients(tx, book, _CLIENTS_MAX + 1)
    if not names:
        return NOTHING
    found = await books.book_named(tx, book)
    if found is None or len(names) > _CLIENTS_MAX:
        return EVERYTHING
    attributes = found.terms.segment_attributes
    kept = await subjects.clients_kept(tx, [(book, name) for name in names])
    segments = {PORTFOLIO}
    for row in kept.values():
        own: set[str] = set()
        for move in unpack_moves(row.moves):
            own.update(segments_of({}, move.attributes, attributes))
        loans = await subjects.loans_of_client(tx, book, row.client, _LOANS_MAX)
        for loan in loans:
            if loan.state is not None:
                own.update(segment for _, placed in _STATE(loan.state).segments for segment in placed)
        if not own or len(loans) == _LOANS_MAX:
            return EVERYTHING
        segments |= own
    return Degraded(frozenset(segments))
