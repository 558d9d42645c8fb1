"""Acknowledging an alert that somebody was told of: a request to risk, which decides (D15)."""

from typing import NamedTuple

import msgspec

from services.notify.store import alerts
from services.notify.store.alerts import Asked
from services.notify.store.tables import HOUSE
from shared.db import outbox
from shared.db.port import Tx
from shared.events.base import Topic
from shared.events.envelope import Envelope, to_headers
from shared.events.notify import AcknowledgementRequested
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.telemetry import traceparent

SOURCE = "/tocsin/notify"


class Requested(NamedTuple):
    """What became of asking."""

    asked: Asked
    """The request as kept: the first one when it was made before; its decision once risk has answered."""
    new: bool


async def request_acknowledgement(tx: Tx, alert: str, by: str, comment: str, partitions: int) -> Requested | None:
    """Ask risk to note that a person has seen an alert; None when the alert is not known here.

    The request's id is fixed by the alert, the revision that rang and the person: asking again is the same request,
    until the alert gets worse and so rings anew.
    """
    known = await alerts.alert_with_id(tx, alert)
    if known is None:
        return None
    request = hashed_id("acknowledgement", alert, known.rang_revision, by)
    asked = Asked(request, alert, "acknowledgement", by, comment, tx.now, None, None, None)
    if not await alerts.add_request(tx, asked):
        kept = await alerts.request_with_id(tx, request)
        assert kept is not None, "it was there just before"
        return Requested(kept, new=False)
    message = AcknowledgementRequested(request=request, alert=alert, by=by, requested_at=tx.now, comment=comment)
    envelope = Envelope(
        id=hashed_id(SOURCE, request),
        source=SOURCE,
        type=AcknowledgementRequested.type,
        time=tx.now,
        subject=alert,
        book=known.book,
        traceparent=traceparent(),
    )
    row = outbox.OutboxRow(
        envelope.id,
        Topic.NOTIFY,
        lane_of(known.cause_id, partitions),
        known.cause_id,
        to_headers(envelope),
        msgspec.json.encode(message),
    )
    await outbox.put(tx, HOUSE, [row])
    return Requested(asked, new=True)
