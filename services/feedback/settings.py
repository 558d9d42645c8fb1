"""Settings of the feedback service, read once from the environment (`TOCSIN_*`)."""

from shared.runtime.settings import LinkSettings


class FeedbackSettings(LinkSettings):
    """How links are made, and bounds of feedback."""
