"""Messages: the intent to send with its bytes, every attempt, and what became of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, literal, select, tuple_, update

from services.notify.domain.reasons import EndReason
from services.notify.domain.retrying import MessageState
from services.notify.store.tables import ATTEMPT, MESSAGE, NOTICE
from shared.db.among import among
from shared.db.columns import Moment
from shared.db.port import Tx

_M = MESSAGE.c


class MessageRow(NamedTuple):
    """A message as kept; the fields are the columns of the table."""

    id: str
    channel: str
    recipient_kind: str
    recipient: str
    destination: str
    """E-mail address, endpoint id or person id."""
    audience: str
    purpose: str
    language: str
    subject: str
    text: str
    html: str
    payload: dict[str, Any]
    template: str
    template_version: str
    wording_failed: str
    """Why the template could not be used; empty when it was."""
    state: str
    reason: str
    attempts: int
    tries: int
    asked_by: str
    """Who asked to send it again; empty for nobody."""
    created_at: datetime
    deadline: datetime
    ended_at: datetime | None
    traceparent: str = ""
    """The trace in which it is sent: that of the first thing it tells."""


class AttemptRow(NamedTuple):
    """One attempt; the fields are the columns of the table."""

    message: str
    number: int
    by: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    """Empty while it is under way."""
    detail: str
    took_s: float | None


class Wanted(NamedTuple):
    """Which messages somebody asks for; None means any."""

    state: str | None = None
    channel: str | None = None
    purpose: str | None = None
    audience: str | None = None
    recipient: str | None = None


async def add_messages(tx: Tx, messages: Sequence[MessageRow]) -> None:
    """Keep messages; sqlalchemy's IntegrityError for one that is there already."""
    await tx.insert(MESSAGE, MessageRow._fields, messages)


async def message_with_id(tx: Tx, message: str, *, lock: bool = False) -> MessageRow | None:
    """Return one message, held to the end of the transaction if asked for."""
    wanted = select(MESSAGE).where(_M.id == message)
    row = await tx.row(wanted.with_for_update() if lock else wanted)
    return None if row is None else MessageRow(*row)


async def messages_before(
    tx: Tx, wanted: Wanted, before: tuple[datetime, str], limit: int, alert: str | None = None
) -> list[MessageRow]:
    """Return messages, the newest first, before a place; with `alert` those that tell of it."""
    where = [tuple_(_M.created_at, _M.id) < tuple_(literal(before[0], Moment()), before[1])]
    where += [_M[name] == value for name, value in wanted._asdict().items() if value is not None]
    if alert is not None:
        where.append(_M.id.in_(select(NOTICE.c.message).where(NOTICE.c.subject == alert)))
    rows = await tx.rows(select(MESSAGE).where(*where).order_by(_M.created_at.desc(), _M.id.desc()).limit(limit))
    return [MessageRow(*row) for row in rows]


async def attempts_of(tx: Tx, message: str) -> list[AttemptRow]:
    """Return the attempts of a message in order."""
    rows = await tx.rows(select(ATTEMPT).where(ATTEMPT.c.message == message).order_by(ATTEMPT.c.number))
    return [AttemptRow(*row) for row in rows]


async def end_too_old(tx: Tx, channel: str, destination: str) -> int:
    """Give up waiting messages of a destination whose time is over; return how many."""
    return await tx.execute(
        update(MESSAGE)
        .where(
            _M.channel == channel,
            _M.destination == destination,
            _M.state == MessageState.WAITING,
            _M.deadline <= tx.now,
        )
        .values(state=MessageState.FAILED.value, reason=EndReason.TOO_OLD.value, ended_at=tx.now)
    )


async def next_waiting(tx: Tx, channel: str, destination: str) -> MessageRow | None:
    """Return the message to try next: of those tried least, the oldest. One that always fails delays no other."""
    row = await tx.row(
        select(MESSAGE)
        .where(_M.channel == channel, _M.destination == destination, _M.state == MessageState.WAITING)
        .order_by(_M.tries, _M.created_at, _M.id)
        .limit(1)
    )
    return None if row is None else MessageRow(*row)


async def begin_attempt(tx: Tx, message: MessageRow) -> None:
    """Note, before anything is sent, that it is about to be."""
    number = message.attempts + 1
    await tx.execute(
        update(MESSAGE)
        .where(_M.id == message.id)
        .values(state=MessageState.SENDING.value, reason="", attempts=number, tries=message.tries + 1)
    )
    row = AttemptRow(message.id, number, message.asked_by, tx.now, None, "", "", None)
    await tx.insert(ATTEMPT, AttemptRow._fields, [row])


async def end_attempt(tx: Tx, message: str, number: int, outcome: str, detail: str, took_s: float | None) -> bool:
    """Record an attempt; False when it had been recorded."""
    touched = await tx.execute(
        update(ATTEMPT)
        .where(ATTEMPT.c.message == message, ATTEMPT.c.number == number, ATTEMPT.c.ended_at.is_(None))
        .values(ended_at=tx.now, outcome=outcome, detail=detail[:500], took_s=took_s)
    )
    return touched == 1


async def set_state(
    tx: Tx, messages: Iterable[str], state: MessageState, reason: EndReason, ended_at: datetime | None
) -> None:
    """Write what became of messages."""
    await tx.execute(
        update(MESSAGE).where(among(_M.id, messages)).values(state=state.value, reason=reason.value, ended_at=ended_at)
    )


async def under_way(tx: Tx, channel: str, destination: str) -> list[MessageRow]:
    """Return the messages of a destination whose last attempt was not recorded."""
    rows = await tx.rows(
        select(MESSAGE).where(_M.channel == channel, _M.destination == destination, _M.state == MessageState.SENDING)
    )
    return [MessageRow(*row) for row in rows]


async def ask_again(tx: Tx, message: str, by: str, deadline: datetime) -> None:
    """Let a message be tried anew, as somebody asked."""
    await tx.execute(
        update(MESSAGE)
        .where(_M.id == message)
        .values(state=MessageState.WAITING.value, reason="", tries=0, asked_by=by, deadline=deadline, ended_at=None)
    )


async def forget_old(tx: Tx, before: datetime, limit: int) -> int:
    """Remove up to `limit` messages that ended before a moment, with their attempts; return how many.

    What is unknown stays until somebody decides on it.
    """
    ended = [MessageState.SENT.value, MessageState.FAILED.value]
    rows = await tx.rows(
        select(_M.id).where(_M.state.in_(ended), _M.created_at < before, _M.ended_at < before).limit(limit)
    )
    ids = [row.id for row in rows]
    if ids:
        await tx.execute(delete(ATTEMPT).where(among(ATTEMPT.c.message, ids)))
        await tx.execute(delete(MESSAGE).where(among(_M.id, ids)))
    return len(ids)


class Backlog(NamedTuple):
    """What is not done."""

    waiting: dict[str, int]
    """By channel."""
    oldest: datetime | None
    unknown: int


async def backlog(tx: Tx) -> Backlog:
    """Return what is not done."""
    open_states = [MessageState.WAITING.value, MessageState.SENDING.value, MessageState.UNKNOWN.value]
    rows = await tx.rows(
        select(_M.state, _M.channel, func.count(), func.min(_M.created_at))
        .where(_M.state.in_(open_states))
        .group_by(_M.state, _M.channel)
    )
    waiting: dict[str, int] = {}
    oldest: list[datetime] = []
    unknown = 0
    for state, channel, count, first in rows:
        if state == MessageState.UNKNOWN:
            unknown += count
        else:
            waiting[channel] = waiting.get(channel, 0) + count
            oldest.append(first)
    return Backlog(waiting, min(oldest, default=None), unknown)
