"""Alerts and their revisions as replies."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from services.risk.domain.moments import moment_of
from services.risk.evaluation.revisions import Kept
from services.risk.handlers.degraded import Degraded
from services.risk.store.requests import VerdictRow

State = Literal["open", "closed", "withdrawn"]
VerdictName = Literal["true", "false", "unclear"]
LevelName = Literal["none", "amber", "red"]


class AlertShown(BaseModel):
    """An alert as it stands (or stood): its latest revision, with what stays the same."""

    id: str
    book: str
    indicator: str
    basis: str
    currency: str | None
    segment: str
    direction: str
    period_kind: str
    level: LevelName
    peak_level: LevelName
    as_of: date = Field(description="Last day of the period in which it opened")
    latest_as_of: date = Field(description="Last day of the latest period that says something about it")
    opened_period: str
    latest_period: str
    state: State
    acknowledged: bool
    provisional: bool
    revision: int
    change: str
    known_from: datetime
    owner: str
    sentence: str
    sentence_zh: str = Field(description="The same sentence in Chinese")
    value: float | None
    numerator: int | None
    denominator: int | None
    policy: str
    policy_version: int
    verdict: VerdictName | None = Field(description="What was said of it last; null: nobody has judged it")
    degraded: bool = Field(
        description="A message about a client of this segment could not be digested: figures may lack it"
    )


class VerdictShown(BaseModel):
    """What somebody said of an alert."""

    number: int = Field(description="Counted on by alert, from 1; the last one counts")
    verdict: VerdictName
    outcome: str = Field(description="What came of the alert, one word")
    by: str
    comment: str
    given_at: datetime
    decided_at: datetime


class RevisionShown(BaseModel):
    """One revision."""

    revision: int
    change: str
    reason: str
    state: State
    level: LevelName
    provisional: bool
    period: str
    as_of: date
    known_from: datetime
    value: float | None
    numerator: int | None
    denominator: int | None
    sentence: str
    sentence_zh: str = Field(description="The same sentence in Chinese")
    explanation: dict[str, Any]
    policy: str
    policy_version: int
    owner: str
    acknowledged: bool


class AlertTold(AlertShown):
    """An alert with its revisions and verdicts, oldest first."""

    revisions: list[RevisionShown]
    verdicts: list[VerdictShown] = Field(description="The last hundred")


class AlertPage(BaseModel):
    """Alerts by day of opening and id."""

    items: list[AlertShown]
    next: str | None = None


class FeedItem(RevisionShown):
    """A revision with what it is about."""

    id: str = Field(description="Id of the alert")
    alert: str = Field(description="The same")
    book: str
    indicator: str
    basis: str
    currency: str | None
    segment: str
    opened_period: str
    decided_at: datetime


class FeedPage(BaseModel):
    """Revisions in the order of decision."""

    items: list[FeedItem]
    next: str | None = Field(description="Pass it as `after`; stays the same while nothing new comes")


def alert_shown(kept: Kept, verdict: str | None, degraded: Degraded) -> AlertShown:
    """Return an alert by its latest revision, with what was said of it last."""
    return AlertShown(**alert_fields(kept, verdict, degraded))


def verdict_shown(row: VerdictRow) -> VerdictShown:
    """Return a verdict."""
    fields = row._asdict()
    moments = {name: moment_of(fields[name]) for name in ("given_at", "decided_at")}
    return VerdictShown(**{name: fields[name] for name in VerdictShown.model_fields} | moments)


def alert_fields(kept: Kept, verdict: str | None, degraded: Degraded) -> dict[str, Any]:
    """Return the fields of an alert."""
    message = kept.message
    return {
        "degraded": degraded.touches(message.segment),
        "id": message.alert,
        "book": message.book,
        "indicator": message.indicator,
        "basis": message.basis,
        "currency": message.currency,
        "segment": message.segment,
        "direction": message.direction,
        "period_kind": message.period_kind,
        "level": message.level,
        "peak_level": kept.peak_level,
        "as_of": kept.opened_as_of,
        "latest_as_of": message.as_of,
        "opened_period": message.opened_period,
        "latest_period": message.period,
        "state": message.state,
        "acknowledged": kept.acknowledged,
        "provisional": message.provisional,
        "revision": message.revision,
        "change": message.change,
        "known_from": message.known_from,
        "owner": message.owner,
        "sentence": message.sentence,
        "sentence_zh": message.sentence_zh,
        "value": message.value,
        "numerator": message.numerator,
        "denominator": message.denominator,
        "policy": message.policy,
        "policy_version": message.policy_version,
        "verdict": verdict,
    }


def revision_shown(kept: Kept) -> RevisionShown:
    """Return one revision."""
    return RevisionShown(**_revision_fields(kept))


def feed_item(kept: Kept, decided_at: datetime) -> FeedItem:
    """Return one revision for the feed."""
    message = kept.message
    return FeedItem(
        **_revision_fields(kept),
        id=message.alert,
        alert=message.alert,
        book=message.book,
        indicator=message.indicator,
        basis=message.basis,
        currency=message.currency,
        segment=message.segment,
        opened_period=message.opened_period,
        decided_at=decided_at,
    )


def _revision_fields(kept: Kept) -> dict[str, Any]:
    message = kept.message
    explanation = message.explanation
    if message.change == "acknowledged":
        explanation = {"by": kept.by, "comment": kept.comment}
    return {
        "revision": message.revision,
        "change": message.change,
        "reason": kept.reason,
        "state": message.state,
        "level": message.level,
        "provisional": message.provisional,
        "period": message.period,
        "as_of": message.as_of,
        "known_from": message.known_from,
        "value": message.value,
        "numerator": message.numerator,
        "denominator": message.denominator,
        "sentence": message.sentence,
        "sentence_zh": message.sentence_zh,
        "explanation": explanation,
        "policy": message.policy,
        "policy_version": message.policy_version,
        "owner": message.owner,
        "acknowledged": kept.acknowledged,
    }
