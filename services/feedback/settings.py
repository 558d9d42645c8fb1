"""Settings of the feedback service, read once from the environment (`TOCSIN_*`)."""

from pydantic import Field

from services.feedback.domain.occasion import Rules
from shared.runtime.settings import LinkSettings


class FeedbackSettings(LinkSettings):
    """How links are made, when clients are asked, and bounds of feedback."""

    survey_spacing_days: int = Field(
        default=90, ge=1, le=3_650, description="Days of the book between two invitations of one client, at least"
    )
    survey_occasion_age_days: int = Field(
        default=14, ge=0, le=365, description="Days after an occasion within which its client may be invited"
    )
    survey_open_days: int = Field(default=14, ge=1, le=365, description="Days for which a survey can be answered")
    survey_history: bool = Field(
        default=False,
        description="Whether clients are asked even while the book's day lies so far behind the calendar, as in a "
        "replay of the past: for demonstrations with synthetic clients",
    )
    survey_poll_s: float = Field(
        default=1.0, ge=0.05, le=60.0, description="Seconds after which feedback looks unasked for clients to invite"
    )
    max_form_bytes: int = Field(
        default=64 * 1024, ge=16 * 1024, le=1024 * 1024, description="Bytes of one form posted from a page at most"
    )

    def rules(self) -> Rules:
        """Return the rules by which clients are asked."""
        return Rules(
            self.survey_spacing_days, self.survey_occasion_age_days, self.survey_open_days, self.survey_history
        )
