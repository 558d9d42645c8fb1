"""Sending one message: what goes to a channel, what a channel says became of it, and why a message is written."""

from enum import StrEnum
from typing import Any, NamedTuple


class Outcome(StrEnum):
    """What became of one attempt to send."""

    SENT = "sent"
    RETRY = "retry"
    """Surely not taken: may be tried again."""
    FAILED = "failed"
    """Refused for good."""
    UNKNOWN = "unknown"
    """May have been taken: must not be tried again unless the receiver drops repeats."""


class Purpose(StrEnum):
    """Why a message is written."""

    OPENED = "opened"
    WORSENED = "worsened"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    AMENDED = "amended"
    REMINDER = "reminder"
    SURVEY = "survey"


class Outgoing(NamedTuple):
    """One message as its channel sends it; the same bytes at every attempt."""

    id: str
    channel: str
    destination: str
    """Address, endpoint id or person id."""
    subject: str
    text: str
    html: str
    payload: dict[str, Any]
    """Data of a webhook's body."""
    secrets: tuple[str, ...] = ()
    """Secrets that sign it, newest first (webhook)."""
    url: str = ""
    """Where it is posted (webhook)."""


class Report(NamedTuple):
    """What became of one attempt, with a detail without personal data."""

    outcome: Outcome
    detail: str
    retry_after_s: float | None = None
    """Seconds that the receiver asks us to wait."""
