"""Feedback over HTTP: parse, open one transaction, read or call one handler, shape the reply."""

from fastapi import APIRouter

from services.feedback.api import alert_pages, remarks, survey_pages, surveys, verdicts
from services.feedback.api.edge import Front

PREFIX = "/feedback/v1"


def make_router(front: Front) -> APIRouter:
    """Return all routes of feedback."""
    router = APIRouter(prefix=PREFIX)
    for part in (verdicts, surveys, remarks, survey_pages, alert_pages):
        part.add_routes(router, front)
    return router
