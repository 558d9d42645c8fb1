"""THE CATALOGUE: every message that crosses a service, declared once; topics, pages and tests are made from it."""

from shared.events.base import Key, Message, Topic
from shared.events.contacts import ContactPut
from shared.events.facts import FACTS
from shared.events.feedback import FeedbackMessageDeadLettered, SurveyAnswered, SurveyInvited, VerdictGiven
from shared.events.intake import BookDayClosed, BookOpened
from shared.events.notify import AcknowledgementRequested, AlertPlanned, NotifyMessageDeadLettered
from shared.events.risk import (
    AlertRequestDecided,
    AlertRevised,
    LoanArrearsCured,
    MessageDeadLettered,
    PolicyApplied,
)

CATALOGUE: tuple[type[Message], ...] = (
    *FACTS,
    BookOpened,
    BookDayClosed,
    ContactPut,
    AlertRevised,
    AlertRequestDecided,
    LoanArrearsCured,
    PolicyApplied,
    MessageDeadLettered,
    AcknowledgementRequested,
    AlertPlanned,
    NotifyMessageDeadLettered,
    VerdictGiven,
    SurveyInvited,
    SurveyAnswered,
    FeedbackMessageDeadLettered,
)
"""Every message type, in the order of the generated page."""

BY_TYPE: dict[str, type[Message]] = {message.type: message for message in CATALOGUE}

__all__ = ["BY_TYPE", "CATALOGUE", "Key", "Message", "Topic"]
