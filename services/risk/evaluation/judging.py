"""Judging an alert: a verdict is kept beside it and makes no revision, because it says nothing of the figures."""

from typing import NamedTuple

from services.risk import metrics
from services.risk.domain.moments import micros_of
from services.risk.evaluation.decision import Decided, Decision
from services.risk.evaluation.revisions import decode_kept
from services.risk.store import alerts, requests
from services.risk.store.requests import VerdictRow
from shared.db.port import Tx
from shared.events.feedback import VerdictGiven


class _Said(NamedTuple):
    """What makes two verdicts the same."""

    by: str
    verdict: str
    outcome: str
    comment: str


async def judge_alert(tx: Tx, given: VerdictGiven) -> Decided:
    """Keep a verdict on an alert that is open or closed; the last one counts, whoever gave it, the others are history.

    An alert that was withdrawn was no warning after all: a verdict on it is superseded, and stays in feedback alone.
    What the same person said last, said again, is repeated.
    """
    row = await alerts.lock_alert(tx, given.alert)
    if row is None:
        return Decided(Decision.UNKNOWN)
    kept = decode_kept(row.body)
    if row.state == "withdrawn":
        return Decided(Decision.SUPERSEDED, kept, row.revision)
    last = await requests.last_verdict(tx, row.id)
    said = _Said(given.by, given.verdict, given.outcome, given.comment)
    if last is not None and said == _Said(last.by, last.verdict, last.outcome, last.comment):
        return Decided(Decision.REPEATED, kept, row.revision)
    number = 1 if last is None else last.number + 1
    given_at, decided_at = micros_of(given.given_at), micros_of(tx.now)
    await requests.add_verdict(
        tx,
        VerdictRow(
            alert=row.id,
            number=number,
            request=given.request,
            given_at=given_at,
            decided_at=decided_at,
            **said._asdict(),
        ),
    )
    metrics.VERDICTS.labels(given.verdict).inc()
    return Decided(Decision.ACCEPTED, kept, row.revision)
