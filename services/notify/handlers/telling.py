"""Revisions of alerts: kept as told, planned, and written down as notices. One batch, a fixed number of statements."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from services.notify import metrics
from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import About
from services.notify.domain.planning import NoticeState, Planned, Planner, Ring, notice_id
from services.notify.handlers.desk import Desk
from services.notify.store import alerts, notices
from services.notify.store.alerts import KnownAlert
from services.notify.store.directory import read_directory
from services.notify.store.notices import NoticeRow, ReminderRow
from services.notify.store.silences import silences_at
from shared.db.port import Tx
from shared.events.envelope import from_headers
from shared.events.risk import AlertRequestDecided, AlertRevised
from shared.log.port import Record
from shared.telemetry import onward, origin_of

STAFF = "staff"
_SLICE = 10
"""Revisions planned before others get a turn: each may have thousands of recipients."""
_RINGING = frozenset({"opened", "worsened"})
_DECODERS: dict[str, Callable[[bytes], AlertRevised | AlertRequestDecided]] = {
    AlertRevised.type: msgspec.json.Decoder(AlertRevised).decode,
    AlertRequestDecided.type: msgspec.json.Decoder(AlertRequestDecided).decode,
}


class Revised(NamedTuple):
    """A revision, and the cause that keys it."""

    message: AlertRevised
    cause_id: str
    origin: str
    """Its `traceparent`."""


async def tell_alerts(tx: Tx, records: Iterable[Record], desk: Desk) -> None:
    """Take a batch of risk's topic: ValueError or msgspec.DecodeError for a record that is not what its type says."""
    revised: list[Revised] = []
    decided: list[AlertRequestDecided] = []
    for record in records:
        decode = _DECODERS.get(from_headers(record.headers).type)
        message = decode(record.value) if decode is not None else None
        if isinstance(message, AlertRevised):
            revised.append(Revised(message, record.key.decode(), origin_of(record.headers)))
        elif isinstance(message, AlertRequestDecided):
            decided.append(message)
    if revised:
        await _tell(tx, revised, desk)
    if decided:
        await alerts.save_decisions(tx, decided)


async def _tell(tx: Tx, revised: Sequence[Revised], desk: Desk) -> None:
    new = await alerts.add_revisions(tx, [one.message for one in revised])
    if not new:
        return
    known = await alerts.alerts_with_ids(tx, {alert for alert, _ in new})
    told = await notices.told_of(tx, {alert for alert, _ in new})
    planner = await planner_now(tx, desk)
    written: list[NoticeRow] = []
    reminders: dict[tuple[str, str], ReminderRow] = {}
    for message, cause_id, origin in revised:
        # The upstream relay sends at least once: what is there already was told already.
        if (message.alert, message.revision) not in new:
            continue
        new.discard((message.alert, message.revision))
        before = known.get(message.alert)
        if before is not None and message.revision < before.latest.revision:
            continue
        known[message.alert] = _after(before, message, cause_id)
        ring = Ring(about_of(message), message.revision, message.change, before.latest.level if before else "")
        heard = told.setdefault(message.alert, {})
        plan = planner.plan(ring, heard)
        if plan.unrouted is not None:
            metrics.UNROUTED.labels(plan.unrouted).inc()
        if plan.purpose is not None:
            written += rows_of(tx, plan.purpose, message.alert, message.revision, plan.notices, onward(origin))
            heard.update((one.address, None) for one in plan.notices if one.state is NoticeState.WAITING)
            if reminder := _reminder(message, plan.notices, desk):
                reminders.setdefault((reminder.alert, reminder.level), reminder)
    await notices.add_notices(tx, written)
    await notices.add_reminders(tx, list(reminders.values()))
    await alerts.save_alerts(tx, known.values())
    count_held(written)


async def planner_now(tx: Tx, desk: Desk) -> Planner:
    """Return a planner with the people, routes and silences of now."""
    directory, silences = await read_directory(tx), await silences_at(tx, tx.now)
    return Planner(directory, silences, desk.settings.fallback_person, tx.now, desk.settings.group_window_s)


def about_of(message: AlertRevised) -> About:
    """Return what routes and silences look at."""
    return About(message.alert, message.level, message.book, message.indicator, message.segment, message.owner)


def rows_of(
    tx: Tx, purpose: Purpose, alert: str, revision: int, planned: Iterable[Planned], traceparent: str = ""
) -> list[NoticeRow]:
    """Return notices as they are kept."""
    return [
        NoticeRow(
            notice_id(alert, revision, purpose, one.address),
            alert,
            revision,
            purpose.value,
            STAFF,
            *one.address,
            one.state.value,
            one.reason.value,
            one.route,
            one.silence,
            one.due_at,
            tx.now,
            traceparent=traceparent,
        )
        for one in planned
    ]


def count_held(written: Iterable[NoticeRow]) -> None:
    """Count what does not go at once."""
    for row in written:
        if row.reason in ("quiet_hours", "silenced"):
            metrics.HELD.labels(row.reason).inc()


def _after(before: KnownAlert | None, message: AlertRevised, cause_id: str) -> KnownAlert:
    """Return an alert after a revision. An acknowledgement stands until the alert gets worse, as at risk."""
    rang = message.revision if before is None or message.change in _RINGING else before.rang_revision
    acknowledged = before is not None and before.acknowledged and message.change not in _RINGING
    return KnownAlert(
        message.alert,
        cause_id,
        message.book,
        message,
        rang,
        acknowledged or message.change == "acknowledged",
        message.explanation or (before.explanation if before is not None else {}),
    )


def _reminder(message: AlertRevised, planned: Iterable[Planned], desk: Desk) -> ReminderRow | None:
    """Return when to ask whether somebody acknowledged: counted from when the first one is told."""
    within_h = message.acknowledge_within_h or desk.settings.remind_after_h
    told_at = [one.due_at for one in planned if one.state is NoticeState.WAITING]
    if message.state != "open" or not within_h or not told_at:
        return None
    return ReminderRow(message.alert, message.level, min(told_at) + timedelta(hours=within_h))
