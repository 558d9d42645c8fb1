"""Notify over HTTP: parse, open one transaction, read or call one handler, shape the reply."""

from fastapi import APIRouter

from services.notify.api import directory, inbox, messages, pages, reconciliation, silences, templates
from services.notify.api.edge import Front

PREFIX = "/notify/v1"


def make_router(front: Front) -> APIRouter:
    """Return all routes of notify."""
    router = APIRouter(prefix=PREFIX)
    for part in (directory, silences, messages, inbox, templates, pages, reconciliation):
        part.add_routes(router, front)
    return router
