"""What other services ask of alerts: a request is decided once, its answer leaves in the same transaction (D15)."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from services.risk import metrics
from services.risk.domain.moments import micros_of
from services.risk.evaluation.acknowledging import acknowledge_alert
from services.risk.evaluation.decision import Decided
from services.risk.evaluation.judging import judge_alert
from services.risk.store import alerts, books, requests
from services.risk.store.requests import RequestRow
from services.risk.store.tables import HOUSE, SOURCE
from shared.db import outbox
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.events.base import Topic
from shared.events.envelope import Envelope, from_headers, to_headers
from shared.events.feedback import VerdictGiven
from shared.events.notify import AcknowledgementRequested
from shared.events.risk import AlertRequestDecided
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.runtime.service import Batch
from shared.telemetry import origin_of, span, traceparent

_Request = AcknowledgementRequested | VerdictGiven
_DECODERS: dict[str, Callable[[bytes], _Request]] = {
    AcknowledgementRequested.type: msgspec.json.Decoder(AcknowledgementRequested).decode,
    VerdictGiven.type: msgspec.json.Decoder(VerdictGiven).decode,
}


class _Asked(NamedTuple):
    """A request with the key under which it came."""

    key: str
    message: _Request
    origin: str

    @property
    def kind(self) -> Literal["acknowledgement", "verdict"]:
        """What is asked."""
        return "verdict" if isinstance(self.message, VerdictGiven) else "acknowledgement"


async def decide_requests(tx: Tx, batch: Batch, partitions: int) -> None:
    """Decide the requests of a batch and answer each; one that was decided before was answered then.

    msgspec.DecodeError or ValueError for a record that is no request.
    """
    asked: dict[str, _Asked] = {}
    for record in batch.records:
        message = _DECODERS[from_headers(record.headers).type](record.value)
        asked.setdefault(message.request, _Asked(record.key.decode(), message, origin_of(record.headers)))
    for known in await requests.decided_requests(tx, asked):
        del asked[known]
    places = await alerts.places_of(tx, {one.message.alert for one in asked.values()})
    # Evaluators before alerts, and books in one order, as an evaluation does: nobody can block another for ever.
    for book in sorted({place.book for place in places.values()}):
        await books.last_feed(tx, book)
    rows, answers = [], []
    for one in asked.values():
        with span(f"decide {one.kind}", origins=[one.origin], alert=one.message.alert):
            decided = await _decide(tx, one.message, partitions)
            place = places.get(one.message.alert)
            rows.append(_row(tx, one, decided))
            answers.append(_answer(tx, one, decided, one.key if place is None else place.cause_id, partitions))
        metrics.REQUESTS.labels(one.kind, decided.decision).inc()
    await requests.add_requests(tx, rows)
    await outbox.put(tx, HOUSE, answers)


async def _decide(tx: Tx, message: _Request, partitions: int) -> Decided:
    if isinstance(message, VerdictGiven):
        return await judge_alert(tx, message)
    return await acknowledge_alert(tx, message.alert, (message.by, message.comment), None, partitions)


def _row(tx: Tx, one: _Asked, decided: Decided) -> RequestRow:
    message = one.message
    return RequestRow(message.request, one.kind, message.alert, message.by, decided.decision, micros_of(tx.now))


def _answer(tx: Tx, one: _Asked, decided: Decided, key: str, partitions: int) -> OutboxRow:
    """Return the answer, keyed by the alert's cause; by the request's own key when the alert is not known."""
    message = one.message
    answer = AlertRequestDecided(
        request=message.request,
        alert=message.alert,
        kind=one.kind,
        decision=decided.answer,
        by=message.by,
        decided_at=tx.now,
        state=decided.state,
        verdict=message.verdict if isinstance(message, VerdictGiven) else "",
    )
    event_id = hashed_id("request", message.request)
    envelope = Envelope(
        id=event_id,
        source=SOURCE,
        type=AlertRequestDecided.type,
        time=tx.now,
        subject=message.alert,
        book="" if decided.kept is None else decided.kept.message.book,
        traceparent=traceparent(),
    )
    body = msgspec.json.encode(answer)
    return OutboxRow(event_id, Topic.RISK, lane_of(key, partitions), key, to_headers(envelope), body)
