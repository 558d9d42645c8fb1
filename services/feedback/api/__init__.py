"""Feedback over HTTP: parse, open one transaction, read or call one handler, shape the reply."""

from fastapi import APIRouter

from services.feedback.api.edge import Front
from services.feedback.store.tables import MORGUE
from shared.runtime.letters import add_dead_letter_routes

PREFIX = "/feedback/v1"


def make_router(front: Front) -> APIRouter:
    """Return all routes of feedback."""
    router = APIRouter(prefix=PREFIX)
    add_dead_letter_routes(router, front.database, MORGUE)
    return router
