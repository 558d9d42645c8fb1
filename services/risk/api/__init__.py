"""Risk over HTTP: parse, open one transaction, read or call one handler, shape the reply."""

from fastapi import APIRouter

from services.risk.api import (
    alerts,
    books,
    clients,
    feed,
    indicators,
    loans,
    policies,
    precision,
    projects,
    reconciliation,
)
from services.risk.api.edge import Front

PREFIX = "/risk/v1"


def make_router(front: Front) -> APIRouter:
    """Return all routes of risk."""
    router = APIRouter(prefix=PREFIX)
    for part in (books, indicators, alerts, feed, loans, clients, projects, policies, precision, reconciliation):
        part.add_routes(router, front)
    return router
