"""What all routes of feedback work with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Path, Query

from services.feedback.handlers.desk import Desk
from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE
from shared.db.port import Database
from shared.runtime.bell import Bell
from shared.runtime.edge import NAME_PATTERN, Store
from shared.runtime.service import Platform
from shared.security.links import Links

HASH_PATTERN = r"^[0-9a-f]{32}$"
ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"

AnyBook = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")]
AlertPath = Annotated[str, Path(alias="id", pattern=HASH_PATTERN, description="Id of the alert")]


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    platform: Platform
    settings: FeedbackSettings
    links: Links
    desk: Desk
    relay: Bell

    @property
    def store(self) -> Store:
        """Where requests do their work."""
        return Store(self.database, HOUSE)
