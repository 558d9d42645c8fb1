"""THE CATALOGUE: every message that crosses a service, declared once; topics, pages and tests are made from it."""

from shared.events.base import Key, Message, Topic
from shared.events.facts import FACTS
from shared.events.intake import BookDayClosed, BookOpened
from shared.events.risk import AlertRevised, MessageDeadLettered, PolicyApplied

CATALOGUE: tuple[type[Message], ...] = (
    *FACTS,
    BookOpened,
    BookDayClosed,
    AlertRevised,
    PolicyApplied,
    MessageDeadLettered,
)
"""Every message type, in the order of the generated page."""

BY_TYPE: dict[str, type[Message]] = {message.type: message for message in CATALOGUE}

__all__ = ["BY_TYPE", "CATALOGUE", "Key", "Message", "Topic"]
