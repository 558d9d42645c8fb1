"""Composition root of feedback: routes, subscriptions and workers, in one view."""

from services.feedback.api import make_router
from services.feedback.api.edge import Front
from services.feedback.settings import FeedbackSettings
from services.feedback.store.tables import HOUSE, METADATA
from shared.db.port import Database
from shared.events.base import Topic
from shared.runtime.bell import Bell
from shared.runtime.service import Platform, Service

__all__ = ["METADATA", "build"]


def build(settings: FeedbackSettings, platform: Platform, database: Database) -> Service:
    """Compose feedback on a platform and its own database; opens nothing and asks nothing."""
    relay = Bell()
    front = Front(database, platform, settings, settings.links(), relay)
    return Service(
        name="feedback",
        router=make_router(front),
        database=database,
        house=HOUSE,
        wake_relay=relay,
        subscriptions=(),
        workers=(),
        publishes=(Topic.FEEDBACK, Topic.FEEDBACK_DEAD_LETTERS),
    )
