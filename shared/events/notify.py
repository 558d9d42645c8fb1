"""What notify says: what people asked of an alert that they were told of; risk decides on it (D15)."""

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


class NotifyMessageDeadLettered(DeadLettered, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A message that notify could not digest."""

    type: ClassVar[str] = "tocsin.notify.message_dead_lettered.v1"
    topic: ClassVar[Topic] = Topic.NOTIFY_DEAD_LETTERS
