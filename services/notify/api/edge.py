"""What all routes of notify work with, and the parameters that several of them take."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Path
from pydantic import BaseModel, ConfigDict, Field

from services.notify.domain.directory import ID_PATTERN
from services.notify.handlers.desk import Desk
from services.notify.settings import NotifySettings
from services.notify.store.tables import HOUSE
from services.notify.wording import Wordings
from shared.db.port import Database
from shared.runtime.bell import Bell
from shared.runtime.edge import NAME_PATTERN, TEXT_PATTERN, Store
from shared.runtime.service import Platform
from shared.security.links import Links

HASH_PATTERN = r"^[0-9a-f]{32}$"

EntryId = Annotated[str, Path(alias="id", pattern=ID_PATTERN, description="Id of the entry")]
HashId = Annotated[str, Path(alias="id", pattern=HASH_PATTERN, description="32 hexadecimal digits")]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=100, description="`ETag` that was seen")]


@dataclass(frozen=True)
class Front:
    """What routes work with."""

    database: Database
    platform: Platform
    settings: NotifySettings
    links: Links
    relay: Bell
    desk: Desk
    wordings: Wordings
    composing: Bell
    """Rung when notices may have become due."""
    sending: tuple[Bell, ...]
    """Rung when there may be something to send."""

    @property
    def store(self) -> Store:
        """Where requests do their work."""
        return Store(self.database, HOUSE)


class By(BaseModel):
    """Who asks for something, and what they want to say."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"by": "anna", "comment": "the mail server is well again"}]}
    )

    by: str = Field(pattern=NAME_PATTERN, description="Id of the person, no name")
    comment: str = Field(default="", max_length=1_000, pattern=TEXT_PATTERN)
