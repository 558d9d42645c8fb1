"""Compose services without running them: for their documents and routes."""

from functools import cache
from typing import cast

import services.feedback.app
import services.intake.app
import services.notify.app
import services.risk.app
from services.feedback.settings import FeedbackSettings
from services.intake.settings import IntakeSettings
from services.notify.settings import NotifySettings
from services.risk.settings import RiskSettings
from shared.clock import SystemClock
from shared.db.port import Database
from shared.log.sqlite import open_sqlite_log
from shared.runtime.service import Platform, Service

LINK_SECRETS = "a secret of the tests that signs links"


@cache
def compose_for_documents() -> dict[str, Service]:
    """Return every service composed on no database: composing opens nothing and asks nothing."""
    platform = Platform(log=open_sqlite_log(None), clock=SystemClock(), partitions=4, owner="documents")
    nowhere = cast("Database", object())
    return {
        "intake": services.intake.app.build(IntakeSettings(), platform, nowhere),
        "risk": services.risk.app.build(RiskSettings(), platform, nowhere),
        "notify": services.notify.app.build(NotifySettings(link_secrets=LINK_SECRETS), platform, nowhere),
        "feedback": services.feedback.app.build(FeedbackSettings(link_secrets=LINK_SECRETS), platform, nowhere),
    }
