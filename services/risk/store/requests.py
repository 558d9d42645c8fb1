"""What people asked of alerts, and their verdicts on them (D15)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select

from services.risk.store.tables import ALERT_REQUEST, VERDICT
from shared.db.among import among
from shared.db.port import Tx


class RequestRow(NamedTuple):
    """A request as decided; the fields are the columns of the table."""

    request: str
    kind: str
    alert: str
    by: str
    decision: str
    decided_at: int


class VerdictRow(NamedTuple):
    """A verdict as kept; the fields are the columns of the table."""

    alert: str
    number: int
    request: str
    verdict: str
    outcome: str
    by: str
    comment: str
    given_at: int
    decided_at: int


async def decided_requests(tx: Tx, requests: Iterable[str]) -> set[str]:
    """Return those of these requests that were decided before."""
    rows = await tx.rows(select(ALERT_REQUEST.c.request).where(among(ALERT_REQUEST.c.request, requests)))
    return {row.request for row in rows}


async def add_requests(tx: Tx, requests: Sequence[RequestRow]) -> None:
    """Write down what was decided."""
    if requests:
        await tx.insert(ALERT_REQUEST, RequestRow._fields, requests)


async def add_verdict(tx: Tx, verdict: VerdictRow) -> None:
    """Write a verdict; its number must be the next of its alert."""
    await tx.insert(VERDICT, VerdictRow._fields, [verdict])


async def last_verdict(tx: Tx, alert: str) -> VerdictRow | None:
    """Return the verdict that counts."""
    row = await tx.row(select(VERDICT).where(VERDICT.c.alert == alert).order_by(VERDICT.c.number.desc()).limit(1))
    return None if row is None else VerdictRow(*row)
