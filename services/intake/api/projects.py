"""Projects: registered, reported on as a whole and by milestone."""

from fastapi import APIRouter

from services.intake.api.edge import Front
from services.intake.api.resources import add_post


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the routes under `/projects`."""
    add_post(router, front, "/projects", "tocsin.project.registered.v1", "Register a project")
    add_post(router, front, "/projects/{id}/reports", "tocsin.project.reported.v1", "Report on a project", "project")
    add_post(
        router, front, "/projects/{id}/milestones", "tocsin.milestone.reported.v1", "Report on a milestone", "project"
    )
