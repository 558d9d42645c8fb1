"""What feedback says: verdicts on alerts (risk decides on them, D15), invitations to surveys, and their answers."""

from datetime import date, datetime
from typing import ClassVar, Literal

from shared.events.base import DeadLettered, Key, Message, Topic


class VerdictGiven(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Somebody judged an alert: was it worth giving, and what came of it."""

    type: ClassVar[str] = "tocsin.verdict.given.v1"
    topic: ClassVar[Topic] = Topic.FEEDBACK
    key: ClassVar[Key] = Key.CAUSE
    consumers: ClassVar[tuple[str, ...]] = ("risk",)
    request: str
    alert: str
    verdict: Literal["true", "false", "unclear"]
    by: str
    given_at: datetime
    outcome: Literal["", "none", "watched", "contacted", "restructured", "secured", "defaulted"] = ""
    comment: str = ""


class SurveyInvited(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A client is asked how it went; notify sends the link, which it derives from the survey's id (D19, D21)."""

    type: ClassVar[str] = "tocsin.survey.invited.v1"
    topic: ClassVar[Topic] = Topic.FEEDBACK
    key: ClassVar[Key] = Key.CLIENT
    consumers: ClassVar[tuple[str, ...]] = ("notify", "risk")
    survey: str
    book: str
    client: str
    occasion: Literal["loan_closed", "arrears_cured"]
    invited_on: date
    expires_on: date
    expires_at: datetime
    """Until when the link works (wall clock)."""
    loan: str = ""


class SurveyAnswered(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A client answered; the free text stays at home."""

    type: ClassVar[str] = "tocsin.survey.answered.v1"
    topic: ClassVar[Topic] = Topic.FEEDBACK
    key: ClassVar[Key] = Key.CLIENT
    consumers: ClassVar[tuple[str, ...]] = ("risk",)
    survey: str
    book: str
    client: str
    answered_on: date
    csat: int | None = None
    nps: int | None = None
    commented: bool = False


class FeedbackMessageDeadLettered(DeadLettered, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A message that feedback could not digest."""

    type: ClassVar[str] = "tocsin.feedback.message_dead_lettered.v1"
    topic: ClassVar[Topic] = Topic.FEEDBACK_DEAD_LETTERS
