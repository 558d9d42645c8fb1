"""What notify answers to risk (R12): of this revision it is planned whom to tell, so nothing of it can get lost now."""

from collections.abc import Sequence

import msgspec

from services.notify.handlers.desk import Desk
from services.notify.store import alerts
from services.notify.store.tables import HOUSE
from shared.db import outbox
from shared.db.letters import DISMISSED, DeadLetter
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.events.envelope import Envelope, to_headers
from shared.events.notify import AlertPlanned
from shared.events.risk import AlertRevised
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.telemetry import traceparent

ANSWERS_AT_ONCE = 200
_SOURCE = "/tocsin/notify"
_REVISED = msgspec.json.Decoder(AlertRevised)


async def answer_risk(tx: Tx, desk: Desk) -> int:
    """Answer revisions that were planned and not answered yet; return how many."""
    planned = await alerts.unanswered(tx, ANSWERS_AT_ONCE)
    if planned:
        told = await alerts.count_notices(tx, {one.alert for one in planned})
        answers = [
            (one.cause_id, AlertPlanned(alert=one.alert, revision=one.revision, book=one.book, notices=notices))
            for one in planned
            for notices in [told.get((one.alert, one.revision), 0)]
        ]
        await _send(tx, desk, answers)
        await alerts.mark_answered(tx, planned)
    return len(planned)


async def answer_dismissed(tx: Tx, desk: Desk, letter: DeadLetter) -> None:
    """Answer a revision that could not be read and that a person has dismissed: nobody is told of it."""
    if letter.state == DISMISSED and letter.type == AlertRevised.type:
        try:
            message = _REVISED.decode(letter.body)
        except msgspec.MsgspecError:
            return
        told = AlertPlanned(alert=message.alert, revision=message.revision, book=message.book, notices=0)
        await _send(tx, desk, [(letter.key, told)])


async def _send(tx: Tx, desk: Desk, answers: Sequence[tuple[str, AlertPlanned]]) -> None:
    rows = []
    for cause_id, message in answers:
        event_id = hashed_id("planned", message.alert, message.revision)
        envelope = Envelope(
            id=event_id,
            source=_SOURCE,
            type=message.type,
            time=tx.now,
            subject=message.alert,
            book=message.book,
            traceparent=traceparent(),
        )
        lane = lane_of(cause_id, desk.partitions)
        rows.append(
            OutboxRow(event_id, message.topic, lane, cause_id, to_headers(envelope), msgspec.json.encode(message))
        )
    await outbox.put(tx, HOUSE, rows)
