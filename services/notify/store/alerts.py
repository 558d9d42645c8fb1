"""Alerts as told: every revision, the latest explanation, what people asked of them and what risk decided."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import false, func, select, tuple_, update

from services.notify.domain.delivery import Purpose
from services.notify.store.tables import ALERT, NOTICE, REQUEST, REVISION
from shared.db.among import among
from shared.db.port import Tx
from shared.events.risk import AlertRequestDecided, AlertRevised

_decode = msgspec.json.Decoder(AlertRevised).decode
_encode = msgspec.json.Encoder().encode
_DECIDED = ("id", "alert", "kind", "by", "decision", "decided_at", "verdict")


class Asked(NamedTuple):
    """A request about an alert; without a decision risk has not answered yet."""

    id: str
    alert: str
    kind: str
    """acknowledgement or verdict."""
    by: str
    comment: str | None
    """None when the request was not made here."""
    requested_at: datetime | None
    decision: str | None
    decided_at: datetime | None
    verdict: str | None


class KnownAlert(NamedTuple):
    """An alert as it stands."""

    id: str
    cause_id: str
    """Key of its messages, and of requests about it (D8)."""
    book: str
    latest: AlertRevised
    """Without its explanation."""
    rang_revision: int
    """The revision that last asked for somebody: the opening, or the last that was worse."""
    acknowledged: bool
    explanation: dict[str, object]
    """The latest that was not empty."""
    requests: Sequence[Asked] = ()
    """Oldest decision first; filled in by `alert_with_id` only."""

    @property
    def acknowledgement(self) -> Asked | None:
        """Return the request by which it was acknowledged; None when nobody has, or it was done at risk itself."""
        accepted = [one for one in self.requests if one.kind == "acknowledgement" and one.decision == "accepted"]
        return accepted[-1] if self.acknowledged and accepted else None


async def alert_with_id(tx: Tx, alert: str) -> KnownAlert | None:
    """Return one alert with the requests about it."""
    found = (await alerts_with_ids(tx, [alert])).get(alert)
    if found is None:
        return None
    rows = await tx.rows(
        select(REQUEST).where(REQUEST.c.alert == alert).order_by(REQUEST.c.decided_at, REQUEST.c.id).limit(500)
    )
    return found._replace(requests=[Asked(*row) for row in rows])


async def alerts_with_ids(tx: Tx, alerts: Iterable[str]) -> dict[str, KnownAlert]:
    """Return alerts by id, without the requests about them."""
    rows = await tx.rows(select(ALERT).where(among(ALERT.c.id, alerts)))
    return {
        row.id: KnownAlert(
            row.id, row.cause_id, row.book, _decode(row.body), row.rang_revision, row.acknowledged, row.explanation
        )
        for row in rows
    }


async def revisions_of(tx: Tx, alert: str, limit: int) -> list[AlertRevised]:
    """Return the last `limit` revisions of an alert, oldest first."""
    rows = await tx.rows(
        select(REVISION.c.body).where(REVISION.c.alert == alert).order_by(REVISION.c.revision.desc()).limit(limit)
    )
    return [_decode(row.body) for row in reversed(rows)]


async def revisions_among(tx: Tx, alerts: Iterable[str]) -> dict[tuple[str, int], AlertRevised]:
    """Return every revision of some alerts by (alert, revision)."""
    rows = await tx.rows(select(REVISION.c.body).where(among(REVISION.c.alert, alerts)))
    bodies = [_decode(row.body) for row in rows]
    return {(one.alert, one.revision): one for one in bodies}


async def add_revisions(tx: Tx, revisions: Sequence[AlertRevised]) -> set[tuple[str, int]]:
    """Keep revisions that are not there yet; return the (alert, revision) that are new."""
    rows = [(one.alert, one.revision, _encode(one), tx.now) for one in revisions]
    new = await tx.insert_new(REVISION, ("alert", "revision", "body", "received_at"), rows, ("alert", "revision"))
    return {(alert, revision) for alert, revision in new}


class Planned(NamedTuple):
    """A revision of which it is planned whom to tell."""

    alert: str
    revision: int
    cause_id: str
    book: str


async def unanswered(tx: Tx, limit: int) -> list[Planned]:
    """Return revisions that risk was not told of as planned, the oldest first."""
    rows = await tx.rows(
        select(REVISION.c.alert, REVISION.c.revision, ALERT.c.cause_id, ALERT.c.book)
        .join(ALERT, ALERT.c.id == REVISION.c.alert)
        .where(REVISION.c.answered == false())
        .order_by(REVISION.c.received_at, REVISION.c.alert, REVISION.c.revision)
        .limit(limit)
        .with_for_update(of=REVISION, skip_locked=True)
    )
    return [Planned(*row) for row in rows]


async def count_notices(tx: Tx, alerts: Iterable[str]) -> dict[tuple[str, int], int]:
    """Return how many notices each revision of some alerts has, reminders left out."""
    rows = await tx.rows(
        select(NOTICE.c.subject, NOTICE.c.revision, func.count())
        .where(among(NOTICE.c.subject, alerts), NOTICE.c.purpose != Purpose.REMINDER.value)
        .group_by(NOTICE.c.subject, NOTICE.c.revision)
    )
    return {(subject, revision): int(count) for subject, revision, count in rows}


async def mark_answered(tx: Tx, planned: Sequence[Planned]) -> None:
    """Note that risk was told of these."""
    places = [(one.alert, one.revision) for one in planned]
    await tx.execute(
        update(REVISION).where(tuple_(REVISION.c.alert, REVISION.c.revision).in_(places)).values(answered=True)
    )


async def save_alerts(tx: Tx, alerts: Iterable[KnownAlert]) -> None:
    """Write alerts as they stand."""
    rows = [
        (
            one.id,
            one.cause_id,
            one.book,
            one.latest.revision,
            one.rang_revision,
            one.acknowledged,
            one.explanation,
            _encode(msgspec.structs.replace(one.latest, explanation={})),
        )
        for one in alerts
    ]
    columns = ("id", "cause_id", "book", "revision", "rang_revision", "acknowledged", "explanation", "body")
    await tx.upsert(ALERT, columns, rows, ("id",))


async def save_decisions(tx: Tx, decisions: Iterable[AlertRequestDecided]) -> None:
    """Note what risk decided, of requests that were made here or elsewhere."""
    by_id = {one.request: one for one in decisions}
    rows = [
        (one.request, one.alert, one.kind, one.by, str(one.decision), one.decided_at, one.verdict)
        for one in by_id.values()
    ]
    await tx.upsert(REQUEST, _DECIDED, rows, ("id",))


async def add_request(tx: Tx, asked: Asked) -> bool:
    """Note a request; False when the same one was made before."""
    return bool(await tx.insert_new(REQUEST, Asked._fields, [asked], ("id",)))


async def request_with_id(tx: Tx, request: str) -> Asked | None:
    """Return one request."""
    row = await tx.row(select(REQUEST).where(REQUEST.c.id == request))
    return None if row is None else Asked(*row)
