"""Giving a verdict on an alert: kept here, asked of risk, which decides (D15)."""

from typing import NamedTuple

from services.feedback import metrics
from services.feedback.domain.verdict import Said, request_id
from services.feedback.handlers.desk import Desk, Subject
from services.feedback.store import alerts
from services.feedback.store.alerts import AlertRow, VerdictRow
from shared.db.port import Tx
from shared.events.feedback import VerdictGiven


class Given(NamedTuple):
    """A verdict as kept, and whether it repeats what the person had said last."""

    alert: AlertRow
    verdict: VerdictRow
    repeated: bool


async def give_verdict(tx: Tx, desk: Desk, alert: str, by: str, said: Said, via: str) -> Given | None:
    """Keep what somebody says of an alert and ask risk to take it; None: no such alert is known.

    The same words again are the same verdict; other words are the next verdict of that person, the history stays.
    """
    # Under the alert's lock numbers are drawn one by one, and requests about one alert leave in their order (D9).
    row = await alerts.lock_alert(tx, alert)
    if row is None:
        return None
    last = await alerts.last_verdict(tx, alert, by)
    if last is not None and Said(last.verdict, last.outcome, last.comment) == said:  # type: ignore[arg-type]
        return Given(row, last, repeated=True)
    number = 1 if last is None else last.number + 1
    given = VerdictRow(
        request_id(alert, by, number),
        alert,
        row.book,
        by,
        number,
        said.verdict,
        said.outcome,
        said.comment,
        via,
        tx.now,
    )
    await alerts.add_verdict(tx, given)
    message = VerdictGiven(
        request=given.request,
        alert=alert,
        verdict=said.verdict,
        by=by,
        given_at=tx.now,
        outcome=said.outcome,
        comment=said.comment,
    )
    await desk.tell(tx, [(Subject(given.request, row.cause, alert, row.book), message)])
    metrics.VERDICTS.labels(said.verdict).inc()
    return Given(row, given, repeated=False)
