"""Acknowledging an alert: decided under its row lock, accepted or superseded (D15)."""

import msgspec

from services.risk import metrics
from services.risk.domain.moments import micros_of
from services.risk.evaluation.decision import Decided, Decision
from services.risk.evaluation.revisions import decode_kept, encode_kept, message_row
from services.risk.store import alerts, awaited, books
from services.risk.store.alerts import RevisionRow
from services.risk.store.tables import HOUSE
from shared.db import outbox
from shared.db.port import Tx

ACKNOWLEDGED = "acknowledged"


async def acknowledge_alert(
    tx: Tx, alert: str, said: tuple[str, str], if_match: str | None, partitions: int
) -> Decided:
    """Note that somebody (by, comment) has seen an alert; a new revision of it when it stands and nobody had.

    The evaluator's row is locked before the alert's, as an evaluation does, so that the two cannot block each other.
    """
    seen = await alerts.alert_with_id(tx, alert)
    if seen is None:
        return Decided(Decision.UNKNOWN)
    feed = await books.last_feed(tx, seen.book)
    row = await alerts.lock_alert(tx, alert)
    assert row is not None, "alerts are never deleted"
    kept = decode_kept(row.body)
    if if_match is not None and if_match.strip() not in ("*", f'"{row.revision}"'):
        return Decided(Decision.CHANGED, kept, row.revision)
    if row.state != "open":
        return Decided(Decision.SUPERSEDED, kept, row.revision)
    if kept.acknowledged:
        return Decided(Decision.REPEATED, kept, row.revision)
    by, comment = said
    message = msgspec.structs.replace(kept.message, revision=row.revision + 1, change=ACKNOWLEDGED, explanation={})
    after = msgspec.structs.replace(
        kept, message=message, acknowledged=True, reason=ACKNOWLEDGED, by=by, comment=comment
    )
    revision = RevisionRow(
        alert,
        message.revision,
        row.book,
        feed + 1,
        message.as_of.toordinal(),
        micros_of(message.known_from),
        micros_of(tx.now),
        encode_kept(after),
    )
    await alerts.save_alerts(tx, [row._replace(revision=message.revision, body=encode_kept(after))], [revision])
    await books.move_feed(tx, row.book, feed + 1)
    sent = message_row(after, row.cause_id, tx, partitions)
    await outbox.put(tx, HOUSE, [sent])
    await awaited.await_answers(tx, [revision], [sent])
    metrics.ALERT_REVISIONS.labels(ACKNOWLEDGED, message.level).inc()
    return Decided(Decision.ACCEPTED, after, message.revision)
