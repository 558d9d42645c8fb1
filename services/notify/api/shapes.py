"""Messages and notices as they are shown. Links are shown to whom they were made for only: they are keys."""

import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import Channel, RecipientKind
from services.notify.domain.planning import NoticeState
from services.notify.domain.reasons import EndReason, NoticeReason
from services.notify.domain.retrying import MessageState
from services.notify.store.messages import AttemptRow, MessageRow
from services.notify.store.notices import NoticeRow

_TOKEN = re.compile(r"(/pages/[a-z]+/)[\w.~-]+")


class NoticeShown(BaseModel):
    """Who is told what, and why."""

    id: str
    subject: str = Field(description="Id of the alert or survey")
    revision: int
    purpose: Purpose
    channel: Channel
    recipient_kind: RecipientKind
    recipient: str
    state: NoticeState
    reason: NoticeReason
    route: str
    silence: str
    due_at: datetime
    created_at: datetime
    message: str


class HeldPage(BaseModel):
    """What waits, is held or was dropped, in the order in which it came."""

    items: list[NoticeShown]
    next: str | None = None


class MessageShown(BaseModel):
    """A message without its text."""

    id: str
    channel: Channel
    recipient_kind: RecipientKind
    recipient: str
    audience: str
    purpose: Purpose
    language: str
    subject: str
    state: MessageState
    reason: EndReason
    attempts: int
    template: str
    template_version: str
    wording_failed: str
    created_at: datetime
    deadline: datetime
    ended_at: datetime | None


class MessagePage(BaseModel):
    """Messages, the newest first."""

    items: list[MessageShown]
    next: str | None = None


class AttemptShown(BaseModel):
    """One attempt to send."""

    number: int
    by: str = Field(description="Who asked for it; empty: nobody, it was due")
    started_at: datetime
    ended_at: datetime | None
    outcome: str = Field(description="sent, retry, failed or unknown; empty while it is under way")
    detail: str
    took_s: float | None


class MessageTold(MessageShown):
    """A message with its text, what it tells, and all attempts."""

    text: str = Field(description="Of staff's messages, without the keys in its links; of clients' ones not shown")
    notices: list[NoticeShown]
    attempts_made: list[AttemptShown]


class InboxItem(BaseModel):
    """A message as its person reads it."""

    id: str
    purpose: Purpose
    subject: str
    text: str
    html: str
    created_at: datetime
    alerts: list[str] = Field(description="Ids of the alerts that it tells of")


class InboxPage(BaseModel):
    """An inbox, the newest first."""

    items: list[InboxItem]
    next: str | None = None


def notice_shown(row: NoticeRow) -> NoticeShown:
    """Return a notice as shown."""
    return NoticeShown.model_validate({name: getattr(row, name) for name in NoticeShown.model_fields})


def message_fields(row: MessageRow) -> dict[str, Any]:
    """Return what is shown of every message."""
    shown = {name: getattr(row, name) for name in MessageShown.model_fields}
    if row.audience == "client":
        # What a client is told, by name, is the client's.
        shown["subject"] = ""
    return shown


def message_told(row: MessageRow, notices: list[NoticeRow], attempts: list[AttemptRow]) -> MessageTold:
    """Return a message with all that belongs to it."""
    text = "" if row.audience == "client" else _TOKEN.sub(r"\1…", row.text)
    made = [AttemptShown(**{name: getattr(one, name) for name in AttemptShown.model_fields}) for one in attempts]
    return MessageTold(
        **message_fields(row), text=text, notices=[notice_shown(one) for one in notices], attempts_made=made
    )
