"""Talk to an application in process, as a client over HTTP would."""

import httpx
from fastapi import FastAPI


def client_of(app: FastAPI, key: str = "") -> httpx.AsyncClient:
    """Return a client of the application; `key` is sent as a bearer token when given."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tocsin.test", headers=headers)
