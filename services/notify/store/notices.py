"""Notices: who is to be told what, when and why."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, func, literal, or_, select, tuple_, update

from services.notify.domain.directory import Address, Channel, RecipientKind
from services.notify.domain.planning import NoticeState
from services.notify.domain.reasons import NoticeReason
from services.notify.store.tables import NOTICE, REMINDER
from shared.db.among import among
from shared.db.columns import Moment
from shared.db.port import Tx

_N = NOTICE.c
_IS_WAITING = func.coalesce(_N.state, "") == NoticeState.WAITING
"""For statements that name their notices: SQLite would else walk the index over all that wait."""
ROWS_AT_ONCE = 500
"""Rows of one statement: others get a turn between two (D23)."""
_HELD_BACK = or_(
    _N.state.in_([NoticeState.HELD, NoticeState.DROPPED]),
    and_(_N.state == NoticeState.WAITING, _N.reason == NoticeReason.QUIET_HOURS),
)


class NoticeRow(NamedTuple):
    """A notice as kept; the fields are the columns of the table."""

    id: str
    subject: str
    """Alert or survey id."""
    revision: int
    purpose: str
    audience: str
    channel: str
    recipient_kind: str
    recipient: str
    state: str
    reason: str
    route: str
    silence: str
    due_at: datetime
    """When it may go; of one that is held, until when it could; of one that was dropped, when that was decided."""
    created_at: datetime
    message: str = ""
    traceparent: str = ""
    """The trace of what it tells."""

    @property
    def address(self) -> Address:
        """Return whom it goes to, and how."""
        return Address(Channel(self.channel), RecipientKind(self.recipient_kind), self.recipient)


class ReminderRow(NamedTuple):
    """When somebody must have acknowledged; the fields are the columns of the table."""

    alert: str
    level: str
    due_at: datetime
    outcome: str = ""
    """Empty until it is due; then reminded, acknowledged or over."""


async def add_notices(tx: Tx, notices: Sequence[NoticeRow]) -> set[str]:
    """Keep notices that are not there yet; return the ids of the new ones."""
    new: set[str] = set()
    for start in range(0, len(notices), ROWS_AT_ONCE):
        part = notices[start : start + ROWS_AT_ONCE]
        new.update(name for (name,) in await tx.insert_new(NOTICE, NoticeRow._fields, part, ("id",)))
        await asyncio.sleep(0)
    return new


async def told_of(tx: Tx, subjects: Iterable[str]) -> dict[str, dict[Address, None]]:
    """Return who was told, or is about to be, of each subject, in a fixed order."""
    rows = await tx.rows(
        select(_N.subject, _N.channel, _N.recipient_kind, _N.recipient)
        .where(among(_N.subject, subjects), _N.state.in_([NoticeState.WAITING, NoticeState.TOLD]))
        .distinct()
        .order_by(_N.subject, _N.channel, _N.recipient_kind, _N.recipient)
    )
    told: dict[str, dict[Address, None]] = {}
    for subject, channel, kind, recipient in rows:
        told.setdefault(subject, {})[Address(Channel(channel), RecipientKind(kind), recipient)] = None
    return told


async def due_notices(tx: Tx, now: datetime, gathered_until: datetime, recipients: int, limit: int) -> list[NoticeRow]:
    """Return what is due to the first so many recipients, with what comes to them until `gathered_until`.

    What waits for working hours is not taken before they begin.
    """
    address = (_N.channel, _N.recipient_kind, _N.recipient)
    first = (
        select(*address)
        .where(_N.state == NoticeState.WAITING, _N.due_at <= now)
        .group_by(*address)
        .order_by(func.min(_N.due_at), *address)
        .limit(recipients)
        .subquery()
    )
    in_time = or_(_N.due_at <= now, and_(_N.due_at <= gathered_until, _N.reason != NoticeReason.QUIET_HOURS))
    rows = await tx.rows(
        select(NOTICE)
        .join(
            first,
            and_(
                first.c.channel == _N.channel,
                first.c.recipient_kind == _N.recipient_kind,
                first.c.recipient == _N.recipient,
            ),
        )
        .where(_N.state == NoticeState.WAITING, in_time)
        .order_by(*address, _N.due_at, _N.id)
        .limit(limit)
    )
    return [NoticeRow(*row) for row in rows]


async def mark_told(tx: Tx, notices: Iterable[str], message: str) -> int:
    """Make waiting notices part of a message; return how many were waiting."""
    return await tx.execute(
        update(NOTICE).where(among(_N.id, notices), _IS_WAITING).values(state=NoticeState.TOLD.value, message=message)
    )


async def hold_back(tx: Tx, notices: Iterable[str], state: NoticeState, reason: NoticeReason, due_at: datetime) -> int:
    """Hold or drop waiting notices; return how many were waiting."""
    return await tx.execute(
        update(NOTICE)
        .where(among(_N.id, notices), _IS_WAITING)
        .values(state=state.value, reason=reason.value, due_at=due_at)
    )


async def release_held(tx: Tx, recipients: Iterable[str], now: datetime) -> int:
    """Let clients' notices that are held go on; return how many."""
    return await tx.execute(
        update(NOTICE)
        .where(
            among(_N.recipient, recipients),
            _N.recipient_kind == RecipientKind.CLIENT.value,
            _N.state == NoticeState.HELD,
        )
        .values(state=NoticeState.WAITING.value, reason=NoticeReason.INVITED.value, due_at=now)
    )


async def release_for(tx: Tx, reason: NoticeReason, now: datetime) -> int:
    """Let go on what is held for one reason; return how many."""
    return await tx.execute(
        update(NOTICE)
        .where(_N.state == NoticeState.HELD, _N.reason == reason.value)
        .values(state=NoticeState.WAITING.value, reason=NoticeReason.INVITED.value, due_at=now)
    )


async def end_expired(tx: Tx, now: datetime) -> int:
    """Drop what was held until a time that is over; return how many."""
    return await tx.execute(
        update(NOTICE)
        .where(_N.state == NoticeState.HELD, _N.due_at <= now)
        .values(state=NoticeState.DROPPED.value, reason=NoticeReason.EXPIRED.value)
    )


async def held_back(
    tx: Tx, after: tuple[datetime, str], limit: int, state: str | None, reason: str | None
) -> list[NoticeRow]:
    """Return notices that wait, are held or were dropped, in the order in which they were made."""
    where = [_HELD_BACK, tuple_(_N.created_at, _N.id) > tuple_(literal(after[0], Moment()), after[1])]
    where += [column == value for column, value in ((_N.state, state), (_N.reason, reason)) if value is not None]
    rows = await tx.rows(select(NOTICE).where(*where).order_by(_N.created_at, _N.id).limit(limit))
    return [NoticeRow(*row) for row in rows]


async def notices_of_messages(tx: Tx, messages: Iterable[str]) -> dict[str, list[NoticeRow]]:
    """Return the notices of each message."""
    rows = await tx.rows(select(NOTICE).where(among(_N.message, messages)).order_by(_N.subject, _N.revision, _N.id))
    found: dict[str, list[NoticeRow]] = {}
    for row in rows:
        found.setdefault(row.message, []).append(NoticeRow(*row))
    return found


async def add_reminders(tx: Tx, reminders: Sequence[ReminderRow]) -> None:
    """Keep reminders; one that an alert has for a level already stays."""
    await tx.insert_new(REMINDER, ReminderRow._fields, reminders, ("alert", "level"))


async def due_reminders(tx: Tx, now: datetime, limit: int) -> list[ReminderRow]:
    """Return reminders whose time has come, held to the end of the transaction."""
    rows = await tx.rows(
        select(REMINDER)
        .where(REMINDER.c.outcome == "", REMINDER.c.due_at <= now)
        .order_by(REMINDER.c.due_at, REMINDER.c.alert)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [ReminderRow(*row) for row in rows]


async def end_reminders(tx: Tx, reminders: Sequence[ReminderRow]) -> None:
    """Write what became of reminders."""
    await tx.upsert(REMINDER, ReminderRow._fields, reminders, ("alert", "level"))
