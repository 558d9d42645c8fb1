"""What leaves intake: accepted facts and contacts by client, books and closes one copy per lane (D3, D8)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from services.intake.domain.reading import moment_of
from services.intake.domain.verdict import Accepted
from services.intake.handlers.desk import Desk
from services.intake.handlers.facts_in import IncomingFact
from services.intake.store import tallies
from shared import telemetry
from shared.db import outbox
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.events.base import Message, Topic
from shared.events.envelope import Envelope, to_headers
from shared.kernel.days import Day
from shared.kernel.ids import hashed_id

SOURCE = "tocsin/intake"
_TO = Topic.INTAKE.value
"""As the driver takes it at once: for each row with a member of an enum it would look for an adapter."""


async def pass_on(
    tx: Tx, desk: Desk, accepted: Sequence[tuple[IncomingFact, Accepted]], open_days: Mapping[str, Day]
) -> None:
    """Put accepted facts into the outbox, in their order, bodies unchanged, under their clients' keys; count them.

    `open_days` are those of their books, which this transaction holds: so what is counted under a day lies before the
    close of that day, in every lane.
    """
    if not accepted:
        return
    passed: dict[tuple[str, int], list[str]] = {}
    await outbox.put(tx, desk.house, _messages(desk, accepted, passed))
    await tallies.add(tx, [(book, lane, open_days[book], ids) for (book, lane), ids in passed.items()])


def _messages(
    desk: Desk, accepted: Sequence[tuple[IncomingFact, Accepted]], passed: dict[tuple[str, int], list[str]]
) -> Iterator[OutboxRow]:
    """Yield what tells others of facts; note in `passed` the event ids of each (book, lane)."""
    trace = telemetry.traceparent()
    moments: dict[int, datetime] = {}
    for fact, verdict in accepted:
        reading, client = fact.reading, verdict.client
        envelope = Envelope(
            id=fact.event_id,
            source=fact.source,
            type=reading.type,
            time=_moment(moments, fact.received_at_us),
            subject=verdict.subject,
            book=reading.book,
            client=client,
            known_at=_moment(moments, fact.known_at_us),
            target=verdict.target,
            origin_id=fact.origin_id,
            traceparent=telemetry.onward(fact.traceparent) if fact.traceparent else trace,
        )
        key = f"{reading.book}/{client}"
        lane = desk.lane(key)
        passed.setdefault((reading.book, lane), []).append(fact.event_id)
        yield OutboxRow(fact.event_id, _TO, lane, key, to_headers(envelope), fact.body)


async def tell_of_client(tx: Tx, desk: Desk, event_id: str, message: Message, book: str, client: str) -> None:
    """Put a message about a client into the outbox, under the client's key; its row is locked by the caller (D9)."""
    envelope = Envelope(
        id=event_id,
        source=SOURCE,
        type=message.type,
        time=tx.now,
        subject=client,
        book=book,
        client=client,
        traceparent=telemetry.traceparent(),
    )
    key = f"{book}/{client}"
    row = OutboxRow(event_id, message.topic, desk.lane(key), key, to_headers(envelope), msgspec.json.encode(message))
    await desk.take_room(tx, 1)
    await outbox.put(tx, desk.house, [row])


async def tell_all_lanes(tx: Tx, desk: Desk, identity: str, book: str, message_for: Callable[[int], Message]) -> None:
    """Put a message about a book into every lane, as `message_for` that lane; its id comes from (identity, lane)."""
    trace = telemetry.traceparent()
    rows = []
    for lane in range(desk.partitions):
        event_id, message = hashed_id(identity, lane), message_for(lane)
        envelope = Envelope(
            id=event_id, source=SOURCE, type=message.type, time=tx.now, subject=book, book=book, traceparent=trace
        )
        body = msgspec.json.encode(message)
        rows.append(OutboxRow(event_id, Topic.INTAKE, lane, book, to_headers(envelope), body))
    await desk.take_room(tx, len(rows))
    await outbox.put(tx, desk.house, rows)


def _moment(moments: dict[int, datetime], value_us: int) -> datetime:
    """Return a moment; a batch has few different ones."""
    moment = moments.get(value_us)
    if moment is None:
        moment = moments[value_us] = moment_of(value_us)
    return moment
