"""What a message says, before it is put into words: notices of alerts for staff, invitations for clients.

The two kinds share nothing, so that a text for clients cannot name what only staff may read.
"""

from datetime import date, datetime
from typing import Any

import msgspec

from services.notify.domain.delivery import Purpose


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an alert as it is told to one person."""

    alert: str
    purpose: Purpose
    """Why this is told: one message may carry notices of several purposes."""
    change: str
    """What the revision did, in risk's word."""
    state: str
    level: str
    book: str
    indicator: str
    segment: str
    period: str
    as_of: date
    value: float | None = None
    """Fraction."""
    numerator: int | None = None
    denominator: int | None = None
    provisional: bool = False
    owner: str
    policy: str
    policy_version: int
    sentence: str
    sentence_zh: str = ""
    url: str
    """The alert's page, under a link of the recipient's own."""


class AlertContent(msgspec.Struct, frozen=True, kw_only=True):
    """What staff are told: one or several notices, the most urgent first."""

    notices: tuple[Notice, ...]
    recipient_name: str = ""


class SurveyContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is asked."""

    client_name: str = ""
    occasion: str
    """`loan_closed` or `arrears_cured`."""
    url: str
    expires_on: date


NOTICES_TYPE = "tocsin.notices.v1"
"""What the body of a webhook calls itself; its data is an AlertContent."""


def webhook_body(content: AlertContent, written_at: datetime) -> dict[str, Any]:
    """Return what an endpoint is posted: type, time and data, as Standard Webhooks 1.0 has it."""
    return {"type": NOTICES_TYPE, "timestamp": written_at.isoformat(), "data": msgspec.to_builtins(content)}
