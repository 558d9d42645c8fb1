"""What feedback's use cases work with, the same for every transaction of a process."""

from typing import NamedTuple

import msgspec

from services.feedback.domain.occasion import Rules
from services.feedback.store.tables import HOUSE
from shared.db import lanes, outbox
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.events.base import Message, Topic
from shared.events.envelope import Envelope, to_headers
from shared.log.lanes import lane_of
from shared.telemetry import traceparent

_SOURCE = "/tocsin/feedback"


class Subject(NamedTuple):
    """What a message is about and what it is keyed by."""

    event_id: str
    key: str
    subject: str
    book: str
    client: str = ""


class Desk(NamedTuple):
    """The number of lanes, and the rules by which clients are asked."""

    partitions: int
    rules: Rules

    async def lanes(self, tx: Tx) -> int:
        """Return the number of lanes that the intake topic was first used with (D9)."""
        return await lanes.stored_partitions(tx, HOUSE, Topic.INTAKE) or self.partitions

    async def tell(self, tx: Tx, told: list[tuple[Subject, Message]]) -> None:
        """Put messages into the outbox, each in the lane of its key; their ids are deterministic."""
        await outbox.put(tx, HOUSE, [self._row(tx, about, message) for about, message in told])

    def _row(self, tx: Tx, about: Subject, message: Message) -> OutboxRow:
        envelope = Envelope(
            id=about.event_id,
            source=_SOURCE,
            type=message.type,
            time=tx.now,
            subject=about.subject,
            book=about.book,
            client=about.client,
            traceparent=traceparent(),
        )
        lane = lane_of(about.key, self.partitions)
        body = msgspec.json.encode(message)
        return OutboxRow(about.event_id, Topic.FEEDBACK, lane, about.key, to_headers(envelope), body)


def client_key(book: str, client: str) -> str:
    """Return the key of a client's messages (D8)."""
    return f"{book}/{client}"
