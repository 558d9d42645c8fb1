"""Alerts as feedback knows them, and the verdicts on them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, tuple_, update

from services.feedback.store.tables import ALERT, VERDICT
from shared.db.among import among
from shared.db.port import Tx


class AlertRow(NamedTuple):
    """An alert's latest revision, shortened; the fields are the columns of the table."""

    id: str
    cause: str
    book: str
    indicator: str
    segment: str
    state: str
    revision: int
    sentence: str
    sentence_zh: str


class VerdictRow(NamedTuple):
    """A verdict and what risk decided on it; the fields are the columns of the table."""

    request: str
    alert: str
    book: str
    by: str
    number: int
    verdict: str
    outcome: str
    comment: str
    via: str
    given_at: datetime
    decision: str = ""
    decided_at: datetime | None = None
    alert_state: str = ""


class Wanted(NamedTuple):
    """Which verdicts somebody asks for; None means any."""

    book: str | None = None
    alert: str | None = None
    by: str | None = None
    verdict: str | None = None
    decision: str | None = None
    indicator: str | None = None


async def revisions_of(tx: Tx, alerts: Iterable[str]) -> dict[str, int]:
    """Return alert -> revision of those that are known."""
    rows = await tx.rows(select(ALERT.c.id, ALERT.c.revision).where(among(ALERT.c.id, alerts)))
    return dict(map(tuple, rows))


async def save_alerts(tx: Tx, alerts: Sequence[AlertRow]) -> None:
    """Write alerts, whole."""
    await tx.upsert(ALERT, AlertRow._fields, alerts, ("id",))


async def lock_alert(tx: Tx, alert: str) -> AlertRow | None:
    """Return an alert, held to the end of the transaction."""
    row = await tx.lock(ALERT, {"id": alert})
    return None if row is None else AlertRow(*row)


async def alert_with_id(tx: Tx, alert: str) -> AlertRow | None:
    """Return an alert."""
    row = await tx.row(select(ALERT).where(ALERT.c.id == alert))
    return None if row is None else AlertRow(*row)


async def last_verdict(tx: Tx, alert: str, by: str) -> VerdictRow | None:
    """Return somebody's latest verdict on an alert."""
    row = await tx.row(
        select(VERDICT).where(VERDICT.c.alert == alert, VERDICT.c.by == by).order_by(VERDICT.c.number.desc()).limit(1)
    )
    return None if row is None else VerdictRow(*row)


async def add_verdict(tx: Tx, row: VerdictRow) -> None:
    """Keep a verdict."""
    await tx.insert(VERDICT, VerdictRow._fields, [row])


async def note_decision(tx: Tx, request: str, decision: str, decided_at: datetime, alert_state: str) -> None:
    """Note what risk decided on a verdict; the first decision stands, a later one only repeats it."""
    await tx.execute(
        update(VERDICT)
        .where(VERDICT.c.request == request, VERDICT.c.decision == "")
        .values(decision=decision, decided_at=decided_at, alert_state=alert_state)
    )


async def verdicts_of(tx: Tx, alert: str, limit: int) -> list[VerdictRow]:
    """Return the latest verdicts on an alert, newest first."""
    rows = await tx.rows(
        select(VERDICT)
        .where(VERDICT.c.alert == alert)
        .order_by(VERDICT.c.given_at.desc(), VERDICT.c.request)
        .limit(limit)
    )
    return [VerdictRow(*row) for row in rows]


async def find_verdicts(
    tx: Tx, wanted: Wanted, after: tuple[datetime, str], limit: int
) -> list[tuple[VerdictRow, str, str]]:
    """Return (verdict, indicator, segment) in the order in which they were given, after a place."""
    asked = {name: value for name, value in wanted._asdict().items() if value is not None}
    where = [tuple_(VERDICT.c.given_at, VERDICT.c.request) > after]
    if (indicator := asked.pop("indicator", None)) is not None:
        where.append(ALERT.c.indicator == indicator)
    where += [VERDICT.c[name] == value for name, value in asked.items()]
    rows = await tx.rows(
        select(VERDICT, ALERT.c.indicator, ALERT.c.segment)
        .join(ALERT, ALERT.c.id == VERDICT.c.alert)
        .where(*where)
        .order_by(VERDICT.c.given_at, VERDICT.c.request)
        .limit(limit)
    )
    return [(VerdictRow(*row[:-2]), row[-2], row[-1]) for row in rows]
