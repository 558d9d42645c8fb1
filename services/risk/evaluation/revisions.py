"""Revisions of alerts written down: the alert, its numbered revision with explanation, the message to the world."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec

from services.risk import metrics
from services.risk.domain.explanation import explain
from services.risk.domain.moments import micros_of, moment_of
from services.risk.domain.policy import Cause, Level, Rule
from services.risk.domain.revision import Change, StandingAlert
from services.risk.domain.sentence import sentence
from services.risk.evaluation.alerts import Moved, pack_course
from services.risk.evaluation.circumstances import Surroundings
from services.risk.evaluation.state import Task
from services.risk.store.alerts import AlertRow, RevisionRow
from services.risk.store.tables import SOURCE
from shared.db.outbox import OutboxRow
from shared.db.port import Tx
from shared.events.base import Topic
from shared.events.envelope import Envelope, to_headers
from shared.events.risk import AlertRevised
from shared.kernel.days import date_of
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.telemetry import onward


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A revision as risk keeps it: the message, and what stays at home."""

    message: AlertRevised
    peak_level: str
    opened_as_of: date
    acknowledged: bool = False
    reason: str = ""
    by: str = ""
    comment: str = ""


class Written(NamedTuple):
    """What an evaluation writes about alerts."""

    alerts: list[AlertRow]
    revisions: list[RevisionRow]
    messages: list[OutboxRow]


encode_kept = msgspec.json.Encoder().encode
decode_kept = msgspec.json.Decoder(Kept).decode


def message_row(kept: Kept, cause_id: str, tx: Tx, partitions: int, origin: str = "") -> OutboxRow:
    """Return the message of a revision for the outbox: keyed by cause, in the cause's lane (D8, D9).

    It goes on in the trace of its `origin`, or in that of what is being done now.
    """
    message = kept.message
    event_id = hashed_id(message.alert, message.revision)
    envelope = Envelope(
        id=event_id,
        source=SOURCE,
        type=AlertRevised.type,
        time=tx.now,
        subject=message.alert,
        book=message.book,
        known_at=message.known_from,
        traceparent=onward(origin),
    )
    return OutboxRow(
        event_id,
        Topic.RISK,
        lane_of(cause_id, partitions),
        cause_id,
        to_headers(envelope),
        msgspec.json.encode(message),
    )


async def write_revisions(tx: Tx, task: Task, moved: Sequence[Moved], partitions: int) -> Written:
    """Return the rows and messages of all changes, numbered on in the book's feed."""
    surroundings = Surroundings(tx, task)
    written = Written([], [], [])
    feed = task.evaluator.feed
    for one in moved:
        latest: dict[str, Kept] = {row.id: decode_kept(row.body) for row in one.before.values()}
        for change in one.changes:
            rule = _rule_of(task, change)
            circumstances = await surroundings.of(one, change, rule)
            explanation = explain(one.cause, change, rule, circumstances)
            known_from_us = _known_from(task, one, change, latest.get(change.alert))
            message = AlertRevised(
                alert=change.alert,
                revision=change.revision,
                change=change.kind.value,
                state=change.state.value,
                level=change.level.value,
                provisional=change.provisional,
                **_about(one.cause, change),
                known_from=moment_of(known_from_us),
                policy=change.lead.policy,
                policy_version=change.lead.version,
                owner=change.lead.owner,
                sentence=sentence(explanation),
                sentence_zh=sentence(explanation, "zh"),
                value=change.entry.observation.value,
                numerator=change.entry.observation.numerator,
                denominator=change.entry.observation.denominator,
                explanation=explanation.as_data(),
                acknowledge_within_h=rule.acknowledge_within_h,
            )
            kept = _kept(message, change, circumstances.peak_level, latest.get(change.alert))
            latest[change.alert] = kept
            feed += 1
            written.revisions.append(_revision_row(task, kept, feed, change, known_from_us))
            origin = task.dirt.origin(one.cause.segment, change.as_of)
            written.messages.append(message_row(kept, one.cause_id, tx, partitions, origin))
            metrics.ALERT_REVISIONS.labels(message.change, message.level).inc()
        written.alerts.extend(_alert_row(one, alert, latest[alert.id]) for alert in one.alerts)
    return written


def _about(cause: Cause, change: Change) -> dict[str, Any]:
    kind = cause.period_kind
    return {
        "book": cause.book,
        "indicator": cause.indicator,
        "basis": cause.basis,
        "currency": cause.currency or None,
        "segment": cause.segment,
        "direction": cause.direction.value,
        "period_kind": kind.value,
        "opened_period": kind.text(change.opened_period),
        "period": kind.text(change.period),
        "as_of": date_of(change.as_of),
    }


def _rule_of(task: Task, change: Change) -> Rule:
    """Return the rule that leads a change, in the version that was used."""
    lead = change.lead
    return next(
        held.rule
        for held in task.rules
        if (held.policy, held.version, held.rule.id) == (lead.policy, lead.version, lead.rule)
    )


def _known_from(task: Task, moved: Moved, change: Change, before: Kept | None) -> int:
    """Return since when a revision could be known: no earlier than its values and the revision before it (D6)."""
    cause, published = moved.cause, moved.values.published
    periods = {change.period, *(amendment.period for amendment in change.amendments)}
    known = [published[period].known_from for period in periods if period in published]
    if change.provisional or not known:
        why = task.dirt.why(cause.segment, change.as_of)
        known.append(task.now_us if why is None and not known else (why or (0, ""))[0])
    if _by_policy(task, change):
        known.extend(task.dirt.policies)
    if before is not None:
        known.append(micros_of(before.message.known_from))
    return max(known)


def _by_policy(task: Task, change: Change) -> bool:
    """Tell whether a change speaks of a period that had been rated before a policy came."""
    return change.as_of <= task.evaluator.evaluated_through


def _kept(message: AlertRevised, change: Change, peak: Level, before: Kept | None) -> Kept:
    """Return what is kept: an acknowledgement stands until it gets worse."""
    acknowledged = before is not None and before.acknowledged and message.change != "worsened"
    return Kept(
        message=message,
        peak_level=peak.value,
        opened_as_of=date_of(change.opened_as_of),
        acknowledged=acknowledged,
        reason=change.reason.value,
    )


def _revision_row(task: Task, kept: Kept, feed: int, change: Change, known_from_us: int) -> RevisionRow:
    message = kept.message
    return RevisionRow(
        message.alert,
        message.revision,
        task.book,
        feed,
        change.as_of,
        known_from_us,
        task.now_us,
        encode_kept(kept),
    )


def _alert_row(moved: Moved, alert: StandingAlert, kept: Kept) -> AlertRow:
    cause, opened_by = moved.cause, alert.course.opening.rules[0]
    return AlertRow(
        alert.id,
        moved.cause_id,
        alert.episode,
        cause.book,
        cause.indicator,
        cause.basis,
        cause.currency,
        cause.period_kind.value,
        cause.segment,
        cause.direction.value,
        alert.state.value,
        kept.message.level,
        opened_by.policy,
        opened_by.version,
        opened_by.rule,
        alert.course.opening.observation.as_of,
        alert.revision,
        pack_course(alert.course),
        encode_kept(kept),
    )
