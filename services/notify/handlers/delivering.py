"""Sending one message: an intent before, a record after, both under the lease of its destination.

What was under way when a process ended, or lost its lease, was perhaps sent: where the receiver drops repeats it goes
again, elsewhere it is unknown until a person decides.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from services.notify import metrics
from services.notify.domain.delivery import Outcome, Outgoing, Report
from services.notify.domain.directory import Channel, Endpoint
from services.notify.domain.reasons import EndReason
from services.notify.domain.retrying import MessageState, after
from services.notify.handlers.desk import Desk
from services.notify.store import contacts, destinations, messages, notices
from services.notify.store.destinations import NEVER, Lease
from services.notify.store.directory import entry_named
from services.notify.store.messages import MessageRow
from shared.db.port import Tx

_NO_RECORD = "the process ended, or lost its lease, before it recorded what became of this attempt"
_LEASE_SENDS = 2.0
_LEASE_MORE_S = 10.0


class Parcel(NamedTuple):
    """A message about to be sent, under a lease."""

    lease: Lease
    outgoing: Outgoing
    number: int
    """Of the attempt."""
    tries: int
    purpose: str
    deadline: datetime
    traceparent: str


class Lost(Exception):
    """The destination's lease went to another process."""


def lease_s(desk: Desk) -> float:
    """Return for how long a destination is held for one attempt."""
    return desk.settings.send_timeout_s * _LEASE_SENDS + _LEASE_MORE_S


async def take_destinations(tx: Tx, channel: str, repeats_dropped: bool, limit: int, desk: Desk) -> list[Lease]:
    """Take destinations that are due; what their last holder left unrecorded is decided first."""
    leases = await destinations.lease_due(tx, channel, desk.owner, limit, lease_s(desk))
    for lease in leases:
        left = await messages.under_way(tx, channel, lease.address)
        for message in left:
            outcome = Outcome.RETRY if repeats_dropped else Outcome.UNKNOWN
            await messages.end_attempt(tx, message.id, message.attempts, outcome, _NO_RECORD, None)
            metrics.MESSAGES.labels(channel, message.purpose, outcome).inc()
        ids = [message.id for message in left]
        if repeats_dropped:
            await messages.set_state(tx, ids, MessageState.WAITING, EndReason.NONE, None)
        else:
            await messages.set_state(tx, ids, MessageState.UNKNOWN, EndReason.NO_RECORD, tx.now)
    return leases


async def take_next(tx: Tx, lease: Lease, desk: Desk) -> Parcel | None:
    """Write the intent to send the next message of a destination; None when there is none and it was let go."""
    failures = await destinations.hold(tx, lease)
    if failures is None:
        raise Lost
    await messages.end_too_old(tx, lease.channel, lease.address)
    message = await messages.next_waiting(tx, lease.channel, lease.address)
    while message is not None and message.tries >= desk.bounds.attempts:
        await messages.set_state(tx, [message.id], MessageState.FAILED, EndReason.ATTEMPTS_SPENT, tx.now)
        message = await messages.next_waiting(tx, lease.channel, lease.address)
    endpoint: Endpoint | None = None
    if message is not None and lease.channel == Channel.WEBHOOK:
        entry = await entry_named(tx, "endpoint", lease.address)
        endpoint = None if entry is None else Endpoint.model_validate(entry.body)
        while message is not None and endpoint is None:
            await messages.set_state(tx, [message.id], MessageState.FAILED, EndReason.RECIPIENT_GONE, tx.now)
            message = await messages.next_waiting(tx, lease.channel, lease.address)
    if message is None:
        await destinations.let_go(tx, lease, failures, NEVER)
        return None
    await messages.begin_attempt(tx, message)
    lease = await destinations.extend(tx, lease, failures, lease_s(desk))
    return Parcel(
        lease,
        _outgoing(message, endpoint),
        message.attempts + 1,
        message.tries + 1,
        message.purpose,
        message.deadline,
        message.traceparent,
    )


async def record(tx: Tx, parcel: Parcel, report: Report, took_s: float, desk: Desk, jitter: float) -> bool:
    """Record what became of an attempt; True when the destination may get its next message now.

    Lost when the lease went to another process: its decision stands, and nothing is written.
    """
    lease, message = parcel.lease, parcel.outgoing.id
    failures = await destinations.hold(tx, lease)
    if failures is None:
        raise Lost
    if not await messages.end_attempt(tx, message, parcel.number, report.outcome, report.detail, took_s):
        # A commit whose answer was lost has recorded it.
        return True
    answered = report.outcome in (Outcome.SENT, Outcome.FAILED)
    failures = 0 if answered else failures + 1
    step = after(report, parcel.tries, failures, parcel.deadline, tx.now, desk.bounds, jitter)
    ended_at = None if step.state is MessageState.WAITING else tx.now
    await messages.set_state(tx, [message], step.state, step.reason, ended_at)
    if answered:
        await destinations.extend(tx, lease, failures, lease_s(desk))
        return True
    await destinations.let_go(tx, lease, failures, tx.now + timedelta(seconds=step.pause_s))
    return False


async def leave(tx: Tx, lease: Lease) -> None:
    """Let a destination go to whoever comes next: this process stops."""
    if (failures := await destinations.hold(tx, lease)) is not None:
        await destinations.let_go(tx, lease, failures, tx.now)


class Resent(NamedTuple):
    """What became of asking to send again."""

    message: MessageRow | None
    refused: str = ""
    """Why it is not sent again: a word."""


async def resend(tx: Tx, message: str, by: str, desk: Desk) -> Resent:
    """Let a message that failed, or of which nothing is known, be tried anew; the same bytes under the same id."""
    found = await messages.message_with_id(tx, message, lock=True)
    if found is None:
        return Resent(None)
    if found.state not in (MessageState.FAILED, MessageState.UNKNOWN):
        return Resent(found, found.state)
    deadline = tx.now + timedelta(hours=desk.settings.send_age_h)
    if found.audience == "client":
        # The link in it works until then and no longer.
        told = (await notices.notices_of_messages(tx, [message]))[message]
        surveys = await contacts.surveys_named(tx, {one.subject for one in told})
        deadline = min(deadline, *(one.expires_at for one in surveys.values()))
        if tx.now >= deadline:
            return Resent(found, EndReason.TOO_OLD)
    await messages.ask_again(tx, message, by, deadline)
    await destinations.call_now(tx, found.channel, found.destination)
    return Resent(await messages.message_with_id(tx, message))


def _outgoing(message: MessageRow, endpoint: Endpoint | None) -> Outgoing:
    return Outgoing(
        id=message.id,
        channel=message.channel,
        destination=message.destination,
        subject=message.subject,
        text=message.text,
        html=message.html,
        payload=message.payload,
        secrets=() if endpoint is None else endpoint.secrets,
        url="" if endpoint is None else endpoint.url,
    )
