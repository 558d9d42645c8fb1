"""What follows from an attempt to send: done, again later, given up, or unknown."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.notify.domain.delivery import Outcome, Report
from services.notify.domain.reasons import EndReason

_DOUBLINGS_MOST = 40


class MessageState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """May have been sent; only a person may send it again."""


class Bounds(NamedTuple):
    """How long and how often to try."""

    attempts: int
    first_s: float
    most_s: float


class Step(NamedTuple):
    """What becomes of a message, and when its destination may be tried again."""

    state: MessageState
    reason: EndReason
    pause_s: float = 0.0


def delay_s(failures: int, bounds: Bounds, jitter: float) -> float:
    """Return the pause after so many failures of a destination in a row: doubling, bounded, at least half of it."""
    whole = min(bounds.most_s, bounds.first_s * 2.0 ** min(max(failures, 1) - 1, _DOUBLINGS_MOST))
    return float(whole * (0.5 + jitter / 2))


def after(
    report: Report, tries: int, failures: int, deadline: datetime, now: datetime, bounds: Bounds, jitter: float
) -> Step:
    """Return what follows from a report.

    `tries` and `failures` (of the destination, in a row) include this attempt. `jitter` is a fraction from 0 to 1.
    """
    if report.outcome is Outcome.SENT:
        return Step(MessageState.SENT, EndReason.NONE)
    if report.outcome is Outcome.FAILED:
        return Step(MessageState.FAILED, EndReason.REFUSED)
    pause_s = max(delay_s(failures, bounds, jitter), min(report.retry_after_s or 0.0, bounds.most_s))
    if report.outcome is Outcome.UNKNOWN:
        return Step(MessageState.UNKNOWN, EndReason.NO_ANSWER, pause_s)
    if tries >= bounds.attempts:
        return Step(MessageState.FAILED, EndReason.ATTEMPTS_SPENT, pause_s)
    if now + timedelta(seconds=pause_s) >= deadline:
        return Step(MessageState.FAILED, EndReason.TOO_OLD, pause_s)
    return Step(MessageState.WAITING, EndReason.NONE, pause_s)


def as_reported(report: Report, repeats_dropped: bool) -> Report:
    """Return a report as it counts: where the receiver drops repeats, what is unknown may simply be tried again."""
    if report.outcome is Outcome.UNKNOWN and repeats_dropped:
        return report._replace(outcome=Outcome.RETRY)
    return report
