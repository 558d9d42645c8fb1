"""Every route of every service names a right (D20), and refuses who has none."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.security.keys import KeyRing
from shared.security.rights import PUBLIC, RIGHTS, Right
from tests.support.asgi import client_of
from tests.support.compose import compose_for_documents


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return make_app(list(compose_for_documents().values()), KeyRing(tmp_path / "keys.json"), Health(), "test")


def routes_of(app: FastAPI) -> list[APIRoute]:
    routers = [service.router.routes for service in compose_for_documents().values()]
    return [route for routes in (*routers, app.routes) for route in routes if isinstance(route, APIRoute)]


def rights_of(route: APIRoute) -> list[str]:
    return [one.call.right for one in route.dependant.dependencies if isinstance(one.call, Right)]


def test_every_route_names_one_right(app: FastAPI) -> None:
    routes = routes_of(app)
    assert len(routes) > 30
    assert {route.path: rights_of(route) for route in routes if len(rights_of(route)) != 1} == {}


def test_every_right_is_used(app: FastAPI) -> None:
    used = {right for route in routes_of(app) for right in rights_of(route)}
    assert used == {*RIGHTS, *PUBLIC}


async def test_no_route_answers_without_its_right(app: FastAPI, tmp_path: Path) -> None:
    _, empty = KeyRing(tmp_path / "keys.json").add("nothing", [], "2020-01-01")
    async with client_of(app) as client:
        for route in routes_of(app):
            if rights_of(route)[0] in PUBLIC:
                continue
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            for method in route.methods or ():
                missing = await client.request(method, path)
                refused = await client.request(method, path, headers={"Authorization": f"Bearer {empty}"})
                assert (missing.status_code, refused.status_code) == (401, 403), f"{method} {path}"
                assert refused.headers["content-type"] == "application/problem+json"
