"""What the handlers of notify work with, beside the transaction."""

from dataclasses import dataclass
from typing import Protocol

from services.notify.domain.content import AlertContent, SurveyContent
from services.notify.domain.delivery import Purpose
from services.notify.domain.retrying import Bounds
from services.notify.settings import NotifySettings
from services.notify.wording import Audience, Language, Written
from shared.security.links import Links


class Words(Protocol):
    """Puts messages into words."""

    def write(
        self, purpose: Purpose, audience: Audience, language: Language, content: AlertContent | SurveyContent
    ) -> Written:
        """Return a message in words; WordingFailed when its template cannot be used."""


@dataclass(frozen=True)
class Desk:
    """Settings, links and words of one process."""

    settings: NotifySettings
    links: Links
    words: Words
    owner: str
    """Unique id of this process, for leases."""
    partitions: int
    channels: frozenset[str]
    """Channels that are set up."""

    @property
    def bounds(self) -> Bounds:
        """Return how often and how long to try."""
        one = self.settings
        return Bounds(one.send_attempts, one.retry_first_s, one.retry_most_s)
