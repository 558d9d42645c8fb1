"""What all routes of feedback work with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query

from services.feedback.handlers.desk import Desk
from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE
from shared.db.port import Database
from shared.runtime.bell import Bell
from shared.runtime.edge import NAME_PATTERN, Name, Number, Store, cursor_of, place_of
from shared.runtime.service import Platform
from shared.security.links import Links

HASH_PATTERN = r"^[0-9a-f]{32}$"
ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"

AnyBook = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this book")]
AlertPath = Annotated[str, Path(alias="id", pattern=HASH_PATTERN, description="Id of the alert")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST_US = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MICROSECOND


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


def moment_after(cursor: str | None) -> tuple[datetime, str]:
    """Return the place (moment, id) that a cursor names; Problem 422 when it is none of ours."""
    at_us, name = place_of(cursor, tuple[Number, Name], (0, ""))
    return _EPOCH + min(at_us, _LATEST_US) * _MICROSECOND, name


def cursor_at(at: datetime, name: str) -> str:
    """Return the cursor of a place."""
    return cursor_of((at - _EPOCH) // _MICROSECOND, name)
