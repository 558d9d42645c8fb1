"""Intake over HTTP: parse, open one transaction, call one handler, shape the reply."""

from fastapi import APIRouter

from services.intake.api import books, clients, contacts, facts, loans, projects, quarantine, reconciliation
from services.intake.api.edge import Front

PREFIX = "/intake/v1"


def make_router(front: Front) -> APIRouter:
    """Return all routes of intake."""
    router = APIRouter(prefix=PREFIX)
    for part in (books, clients, contacts, loans, projects, facts, quarantine, reconciliation):
        part.add_routes(router, front)
    return router
