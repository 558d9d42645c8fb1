"""What people asked of alerts, and their verdicts on them (D15)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import case, func, select, tuple_

from services.risk.store.tables import ALERT, ALERT_REQUEST, VERDICT
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


async def verdicts_of(tx: Tx, alert: str, known_at_us: int, limit: int) -> list[VerdictRow]:
    """Return the last verdicts on an alert that were decided by a moment, oldest first."""
    rows = await tx.rows(
        select(VERDICT)
        .where(VERDICT.c.alert == alert, VERDICT.c.decided_at <= known_at_us)
        .order_by(VERDICT.c.number.desc())
        .limit(limit)
    )
    return [VerdictRow(*row) for row in reversed(rows)]


class RuleKey(NamedTuple):
    """A rule in a version of its policy, and the indicator that it watches."""

    policy: str
    policy_version: int
    indicator: str
    rule: str


class Tally(NamedTuple):
    """How the alerts that a rule opened were judged."""

    key: RuleKey
    true: int
    false: int
    unclear: int
    unjudged: int


async def tallies(tx: Tx, wanted: dict[str, str | None], after: RuleKey, limit: int) -> list[Tally]:
    """Return by rule how its alerts were judged, the withdrawn ones left out, by rising key after a place.

    `wanted`: what columns of the alert (book, policy, indicator) must be; None means any.
    """
    key = tuple(ALERT.c[name] for name in RuleKey._fields)
    later = VERDICT.alias()
    last = select(func.max(later.c.number)).where(later.c.alert == VERDICT.c.alert).correlate(VERDICT)
    counting = VERDICT.c.number == last.scalar_subquery()
    joined = ALERT.outerjoin(VERDICT, (VERDICT.c.alert == ALERT.c.id) & counting)
    sums = (func.sum(case((VERDICT.c.verdict == said, 1), else_=0)) for said in ("true", "false", "unclear"))
    where = [ALERT.c[name] == value for name, value in wanted.items() if value is not None]
    rows = await tx.rows(
        select(*key, *sums, func.count() - func.count(VERDICT.c.alert))
        .select_from(joined)
        .where(ALERT.c.state != "withdrawn", tuple_(*key) > tuple_(*after), *where)
        .group_by(*key)
        .order_by(*key)
        .limit(limit)
    )
    return [Tally(RuleKey(*row[:4]), *(int(count) for count in row[4:])) for row in rows]
