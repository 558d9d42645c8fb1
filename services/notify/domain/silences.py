"""Silences: alerts that nobody wants to hear of for a while, by somebody's decision, with a comment."""

from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints, model_validator

from services.notify.domain.directory import About, Match

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class SilenceMatch(Match):
    """What is silenced: at least one condition."""

    alerts: Annotated[tuple[Hash, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _names_something(self) -> "SilenceMatch":
        if not any((self.alerts, self.levels, self.books, self.indicators, self.segments, self.owners)):
            raise ValueError("matches every alert: name at least one condition")
        return self

    def matches(self, about: About) -> bool:
        """Tell whether an alert is silenced by this."""
        return (not self.alerts or about.alert in self.alerts) and super().matches(about)


class Silence(NamedTuple):
    """One silence."""

    id: str
    match: SilenceMatch
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    ended_by: str = ""

    def covers(self, about: About, now: datetime) -> bool:
        """Tell whether an alert is silenced now."""
        return self.starts_at <= now < self.ends_at and self.match.matches(about)


def silence_of(silences: list[Silence], about: About, now: datetime) -> str:
    """Return the id of the silence that holds for an alert; empty when none does."""
    return next((one.id for one in silences if one.covers(about, now)), "")
