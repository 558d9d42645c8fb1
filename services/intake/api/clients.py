"""Clients: registered, changed, merged."""

from fastapi import APIRouter

from services.intake.api.edge import Front
from services.intake.api.resources import add_post


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the routes under `/clients`."""
    add_post(router, front, "/clients", "tocsin.client.registered.v1", "Register a client")
    add_post(router, front, "/clients/{id}/changes", "tocsin.client.changed.v1", "Change segment attributes", "client")
    add_post(router, front, "/clients/{id}/merges", "tocsin.client.merged.v1", "Merge into another client", "client")
