"""Alerts and their numbered revisions (D12)."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, ScalarSelect, and_, bindparam, func, select, tuple_

from services.risk.domain.moments import END_OF_TIME_US
from services.risk.domain.policy import Level
from services.risk.store.series import SeriesKey
from services.risk.store.tables import ALERT, ALERT_REVISION, VERDICT
from shared.db.among import among, among_given
from shared.db.port import Tx
from shared.kernel.days import Day

ALERT_COLUMNS = tuple(column.name for column in ALERT.columns)
_OF_CAUSES = select(ALERT).where(among_given(ALERT.c.cause_id, "causes")).order_by(ALERT.c.cause_id, ALERT.c.episode)
_FEED = (
    select(ALERT_REVISION)
    .where(ALERT_REVISION.c.book == bindparam("of"), ALERT_REVISION.c.feed > bindparam("after"))
    .order_by(ALERT_REVISION.c.feed)
    .limit(bindparam("most"))
)
_OPEN = (
    select(ALERT.c.level, func.count())
    .where(ALERT.c.book == bindparam("of"), ALERT.c.state == "open")
    .group_by(ALERT.c.level)
)


class AlertRow(NamedTuple):
    """An alert as kept; the fields are the columns of the table."""

    id: str
    cause_id: str
    episode: int
    book: str
    indicator: str
    basis: str
    currency: str
    period_kind: str
    segment: str
    direction: str
    state: str
    level: str
    policy: str
    policy_version: int
    rule: str
    as_of: Day
    revision: int
    course: bytes
    body: bytes


class RevisionRow(NamedTuple):
    """A revision as kept; the fields are the columns of the table."""

    alert: str
    revision: int
    book: str
    feed: int
    as_of: Day
    known_from: int
    decided_at: int
    body: bytes


class Place(NamedTuple):
    """Where an alert belongs."""

    book: str
    cause_id: str


class Wanted(NamedTuple):
    """Which alerts somebody asks for; None means any."""

    book: str | None = None
    state: str | None = None
    indicator: str | None = None
    segment: str | None = None
    level: str | None = None
    verdict: str | None = None
    """What was said of it last; `none`: nobody has judged it."""


class Seen(NamedTuple):
    """An alert in a list: day of opening, id, the revision's body, and the verdict that counts."""

    as_of: Day
    id: str
    body: bytes
    verdict: str | None


async def alerts_of_causes(tx: Tx, cause_ids: Iterable[str]) -> list[AlertRow]:
    """Return every alert that these causes ever had, by cause and episode."""
    rows = await tx.rows(_OF_CAUSES, {"causes": list(cause_ids)})
    return [AlertRow(*row) for row in rows]


async def places_of(tx: Tx, alert_ids: Iterable[str]) -> dict[str, Place]:
    """Return where those of these alerts belong that are known."""
    rows = await tx.rows(select(ALERT.c.id, ALERT.c.book, ALERT.c.cause_id).where(among(ALERT.c.id, alert_ids)))
    return {row.id: Place(row.book, row.cause_id) for row in rows}


async def save_alerts(tx: Tx, alerts: Sequence[AlertRow], revisions: Sequence[RevisionRow]) -> None:
    """Write alerts with their new revisions."""
    if alerts:
        await tx.upsert(ALERT, ALERT_COLUMNS, alerts, ("id",))
    if revisions:
        await tx.insert(ALERT_REVISION, RevisionRow._fields, revisions)


async def lock_alert(tx: Tx, alert: str) -> AlertRow | None:
    """Return an alert, held to the end of the transaction."""
    row = await tx.lock(ALERT, {"id": alert})
    return None if row is None else AlertRow(*row)


async def alert_with_id(tx: Tx, alert: str) -> AlertRow | None:
    """Return one alert."""
    row = await tx.row(select(ALERT).where(ALERT.c.id == alert))
    return None if row is None else AlertRow(*row)


async def open_alerts(tx: Tx, book: str, segments: Collection[str], limit: int) -> Sequence[Row[Any]]:
    """Return (id, indicator, segment, level) of open alerts of these segments of a book, by id."""
    rows = select(ALERT.c.id, ALERT.c.indicator, ALERT.c.segment, ALERT.c.level)
    where = (ALERT.c.book == book, ALERT.c.state == "open", ALERT.c.segment.in_(segments))
    return await tx.rows(rows.where(*where).order_by(ALERT.c.id).limit(limit))


async def revisions_of(tx: Tx, alert: str, as_of: Day, known_at_us: int) -> list[RevisionRow]:
    """Return the revisions of an alert up to a day, known at a moment, in order."""
    table = ALERT_REVISION.c
    rows = await tx.rows(
        select(ALERT_REVISION)
        .where(table.alert == alert, table.as_of <= as_of, table.known_from <= known_at_us)
        .order_by(table.revision)
    )
    return [RevisionRow(*row) for row in rows]


async def alerts_now(tx: Tx, wanted: Wanted, after: tuple[Day, str], limit: int) -> list[Seen]:
    """Return alerts as they stand, by (day of opening, id), after a place."""
    verdict = _verdict(END_OF_TIME_US)
    where = [*_filters(wanted, verdict), tuple_(ALERT.c.as_of, ALERT.c.id) > tuple_(*after)]
    rows = await tx.rows(
        select(ALERT.c.as_of, ALERT.c.id, ALERT.c.body, verdict)
        .where(*where)
        .order_by(ALERT.c.as_of, ALERT.c.id)
        .limit(limit)
    )
    return [Seen(*row) for row in rows]


async def alerts_then(tx: Tx, wanted: Wanted, after: tuple[Day, str], limit: int, then: tuple[Day, int]) -> list[Seen]:
    """Return alerts as they stood on a day, known at a moment, by (day of opening, id), after a place.

    Filters on what changes with revisions (state, level) are the caller's.
    """
    as_of, known_at_us = then
    last = (
        select(ALERT_REVISION.c.alert, func.max(ALERT_REVISION.c.revision).label("revision"))
        .where(ALERT_REVISION.c.as_of <= as_of, ALERT_REVISION.c.known_from <= known_at_us)
        .group_by(ALERT_REVISION.c.alert)
        .subquery()
    )
    verdict = _verdict(known_at_us)
    fixed = wanted._replace(state=None, level=None)
    where = [*_filters(fixed, verdict), tuple_(ALERT.c.as_of, ALERT.c.id) > tuple_(*after)]
    rows = await tx.rows(
        select(ALERT.c.as_of, ALERT.c.id, ALERT_REVISION.c.body, verdict)
        .join(last, last.c.alert == ALERT.c.id)
        .join(
            ALERT_REVISION,
            and_(ALERT_REVISION.c.alert == last.c.alert, ALERT_REVISION.c.revision == last.c.revision),
        )
        .where(*where)
        .order_by(ALERT.c.as_of, ALERT.c.id)
        .limit(limit)
    )
    return [Seen(*row) for row in rows]


def _verdict(known_at_us: int) -> ScalarSelect[str]:
    """Return what was said last of the alert of the outer query, by a moment."""
    return (
        select(VERDICT.c.verdict)
        .where(VERDICT.c.alert == ALERT.c.id, VERDICT.c.decided_at <= known_at_us)
        .order_by(VERDICT.c.number.desc())
        .limit(1)
        .correlate(ALERT)
        .scalar_subquery()
    )


def _filters(wanted: Wanted, verdict: ScalarSelect[str]) -> list[ColumnElement[bool]]:
    where = [
        ALERT.c[name] == value for name, value in wanted._asdict().items() if value is not None and name != "verdict"
    ]
    if wanted.verdict is not None:
        where.append(verdict.is_(None) if wanted.verdict == "none" else verdict == wanted.verdict)
    return where


async def feed_of_book(tx: Tx, book: str, after: int, limit: int) -> list[RevisionRow]:
    """Return one book's revisions in order of decision, after a place.

    The numbers rise in the order of commits, so a reader that comes back misses none.
    """
    rows = await tx.rows(_FEED, {"of": book, "after": after, "most": limit})
    return [RevisionRow(*row) for row in rows]


async def open_levels(tx: Tx, book: str) -> list[tuple[SeriesKey, Level]]:
    """Return of which series a book has open alerts, and their levels."""
    key = tuple(ALERT.c[name] for name in SeriesKey._fields)
    rows = await tx.rows(select(*key, ALERT.c.level).where(ALERT.c.book == book, ALERT.c.state == "open"))
    return [(SeriesKey(*row[:5]), Level(row.level)) for row in rows]
