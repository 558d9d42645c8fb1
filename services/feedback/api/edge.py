"""What all routes of feedback work with."""

from dataclasses import dataclass

from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE
from shared.db.port import Database
from shared.runtime.bell import Bell
from shared.runtime.edge import Store
from shared.runtime.service import Platform
from shared.security.links import Links


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    platform: Platform
    settings: FeedbackSettings
    links: Links
    relay: Bell

    @property
    def store(self) -> Store:
        """Where requests do their work."""
        return Store(self.database, HOUSE)
