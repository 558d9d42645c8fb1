"""What risk says: alerts (keyed by cause), policies, and what it could not digest."""

from datetime import date, datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.events.base import DeadLettered, Key, Message, Topic


class AlertRevised(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An alert opened, changed, closed or was withdrawn: one numbered revision of it (D12)."""

    type: ClassVar[str] = "tocsin.alert.revised.v1"
    topic: ClassVar[Topic] = Topic.RISK
    key: ClassVar[Key] = Key.CAUSE
    consumers: ClassVar[tuple[str, ...]] = ("notify", "feedback")
    alert: str
    revision: int
    change: Literal[
        "opened", "worsened", "eased", "continued", "confirmed", "amended", "acknowledged", "closed", "withdrawn"
    ]
    state: Literal["open", "closed", "withdrawn"]
    level: Literal["none", "amber", "red"]
    provisional: bool
    book: str
    indicator: str
    basis: str
    segment: str
    direction: Literal["above", "below"]
    period_kind: str
    opened_period: str
    period: str
    as_of: date
    known_from: datetime
    policy: str
    policy_version: int
    owner: str
    sentence: str
    currency: str | None = None
    value: float | None = None
    numerator: int | None = None
    denominator: int | None = None
    explanation: dict[str, Any] = msgspec.field(default_factory=dict)
    sentence_zh: str = ""
    """The same sentence in Chinese."""
    acknowledge_within_h: float | None = None
    """From the delivery of a warning (wall clock); absent: the policy does not say."""


class AlertRequestDecided(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Risk's answer to a request about an alert (D15): an acknowledgement or a verdict took effect, or did not."""

    type: ClassVar[str] = "tocsin.alert.request_decided.v1"
    topic: ClassVar[Topic] = Topic.RISK
    key: ClassVar[Key] = Key.CAUSE
    consumers: ClassVar[tuple[str, ...]] = ("notify", "feedback")
    request: str
    alert: str
    kind: Literal["acknowledgement", "verdict"]
    decision: Literal["accepted", "repeated", "superseded", "unknown"]
    by: str
    decided_at: datetime
    state: Literal["", "open", "closed", "withdrawn"] = ""
    verdict: Literal["", "true", "false", "unclear"] = ""


class LoanArrearsCured(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A loan that was past due has nothing past due any more."""

    type: ClassVar[str] = "tocsin.loan.arrears_cured.v1"
    topic: ClassVar[Topic] = Topic.RISK
    key: ClassVar[Key] = Key.CLIENT
    consumers: ClassVar[tuple[str, ...]] = ("feedback",)
    book: str
    client: str
    loan: str
    value_date: date
    known_at: datetime
    days_past_due: int
    """DPD at the close before the day of the cure."""


class PolicyApplied(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A version of a threshold policy holds for a book from a business date on (D17)."""

    type: ClassVar[str] = "tocsin.policy.applied.v1"
    topic: ClassVar[Topic] = Topic.RISK
    key: ClassVar[Key] = Key.BOOK
    policy: str
    version: int
    book: str
    known_at: datetime
    effective_from: date | None = None
    text: str = ""


class MessageDeadLettered(DeadLettered, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A message that risk could not digest."""

    type: ClassVar[str] = "tocsin.risk.message_dead_lettered.v1"
    topic: ClassVar[Topic] = Topic.RISK_DEAD_LETTERS
