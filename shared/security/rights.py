"""Rights (D20): every route names one; a test walks all routes."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends, Request

from shared.problem import Problem

PROBE = "public:probe"
LINK = "public:link"
"""Routes behind a signed link: no key, the link itself says who may do what (D21)."""
PUBLIC = (PROBE, LINK)
RIGHTS: dict[str, str] = {
    "facts:write": "send facts",
    "facts:read": "see what became of a fact",
    "contacts:write": "put what is known of how to reach a client",
    "books:write": "open books and close days",
    "books:read": "see books",
    "quarantine:read": "see quarantined facts",
    "quarantine:write": "retry and dismiss quarantined facts",
    "risk:read": "read indicators, alerts, loans, clients and projects",
    "alerts:write": "acknowledge alerts",
    "policies:read": "read policies",
    "policies:write": "apply policies",
    "people:read": "see people, teams and routes",
    "people:write": "change people, teams, routes and silences",
    "messages:read": "see messages with all attempts, inboxes, what was held back; preview templates",
    "messages:write": "send a message again",
    "feedback:read": "see verdicts, surveys, answers and remarks",
    "feedback:write": "give verdicts and leave remarks",
    "dead-letters:read": "see messages that a service could not digest",
    "dead-letters:write": "retry and dismiss messages that a service could not digest",
    "reconciliation:read": "compare what the services have accepted, folded, decided and planned",
    "metrics:read": "scrape metrics",
}
"""Right -> what it allows. Routes with a public right need no key."""


class Right:
    """A dependency that lets a request pass when its key has the right; a test finds it on every route."""

    def __init__(self, right: str) -> None:
        """`right` is one of RIGHTS, or a public one."""
        if right not in PUBLIC and right not in RIGHTS:
            raise ValueError(f"no such right: {right}")
        self.right = right

    async def __call__(self, request: Request) -> None:
        """Raise a 401 or 403 problem, or note on the request who asks.

        A coroutine, because FastAPI hands every other function to a thread, which costs more than looking a key up.
        """
        if self.right in PUBLIC:
            return
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        key = request.app.state.keys.find(secret.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise Problem(
                "not-authenticated",
                401,
                "Not authenticated",
                "Send a live API key as `Authorization: Bearer <key>`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if self.right not in key.rights:
            raise Problem("not-allowed", 403, "Not allowed", f"This needs the right {self.right}.")
        request.state.key = key


def requires(right: str) -> Any:
    """Return the dependency for a route's `dependencies=[...]`."""
    check: Callable[[Request], Awaitable[None]] = Right(right)
    return Depends(check)
