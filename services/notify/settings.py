"""Settings of the notify service, read once from the environment (`TOCSIN_*`)."""

from shared.runtime.settings import LinkSettings


class NotifySettings(LinkSettings):
    """How links are made, and bounds of notify."""
