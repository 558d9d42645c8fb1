"""What notify says: what people asked of an alert, on which risk decides (D15); what it has planned to tell."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import DeadLettered, Key, Message, Topic


class AcknowledgementRequested(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Somebody who was told of an alert says: seen, I take it."""

    type: ClassVar[str] = "tocsin.acknowledgement.requested.v1"
    topic: ClassVar[Topic] = Topic.NOTIFY
    key: ClassVar[Key] = Key.CAUSE
    consumers: ClassVar[tuple[str, ...]] = ("risk",)
    request: str
    alert: str
    by: str
    requested_at: datetime
    comment: str = ""


class AlertPlanned(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Of a revision of an alert it is planned who is told what: notify has it, and nothing of it can get lost (R12)."""

    type: ClassVar[str] = "tocsin.alert.planned.v1"
    topic: ClassVar[Topic] = Topic.NOTIFY
    key: ClassVar[Key] = Key.CAUSE
    consumers: ClassVar[tuple[str, ...]] = ("risk",)
    alert: str
    revision: int
    book: str
    notices: int


class NotifyMessageDeadLettered(DeadLettered, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A message that notify could not digest."""

    type: ClassVar[str] = "tocsin.notify.message_dead_lettered.v1"
    topic: ClassVar[Topic] = Topic.NOTIFY_DEAD_LETTERS
