"""Composition root of notify: routes, subscriptions and workers, in one view."""

from services.notify.api import make_router
from services.notify.api.edge import Front
from services.notify.settings import NotifySettings
from services.notify.store.tables import HOUSE, METADATA
from shared.db.port import Database
from shared.events.base import Topic
from shared.runtime.bell import Bell
from shared.runtime.service import Platform, Service

__all__ = ["METADATA", "build"]


def build(settings: NotifySettings, platform: Platform, database: Database) -> Service:
    """Compose notify on a platform and its own database; opens nothing and asks nothing."""
    relay = Bell()
    front = Front(database, platform, settings, settings.links(), relay)
    return Service(
        name="notify",
        router=make_router(front),
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=(),
        workers=(),
        publishes=(Topic.NOTIFY, Topic.NOTIFY_DEAD_LETTERS),
    )
