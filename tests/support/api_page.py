"""docs/api.md: every route of every service on one page, from the OpenAPI documents."""

from collections.abc import Mapping
from typing import Any

from shared.runtime.openapi import DESCRIPTION

_EVERYWHERE = frozenset({"cursor", "limit", "Idempotency-Key", "accept-language", "if-match"})
"""Parameters that are explained once."""
_REFUSALS = frozenset({"401", "403", "422", "503"})
"""So are answers."""


def api_page(documents: Mapping[str, Any]) -> list[str]:
    """Return the lines of the page; the routes that all services have come once."""
    lines = [
        "The same for machines, with all fields and examples: `docs/openapi/<service>.json` (OpenAPI 3.1), and "
        "`/openapi.json` of a running service. Events: [events.md](events.md).\n",
        DESCRIPTION + "\n",
        "A key is sent as `Authorization: Bearer <key>`; it needs the right that a route names. `public:link` routes "
        "are behind a signed link and answer pages for people. Every route may answer 401 and 403 (no key, no right), "
        "422 (what was sent is not what is described) and 503 (try again); they are left out here. A star marks what "
        "must be sent.\n",
    ]
    shared = set.intersection(*(set(document["paths"]) for document in documents.values()))
    for service, document in documents.items():
        lines += _section(service, {path: found for path, found in document["paths"].items() if path not in shared})
    first = next(iter(documents.values()))
    return lines + _section("every service", {path: first["paths"][path] for path in sorted(shared)})


def _section(title: str, paths: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| `{method.upper()} {path}` | {_right(operation)} | {_what(operation)} | {_asks(operation)} "
        f"| {', '.join(sorted(set(operation['responses']) - _REFUSALS))} |"
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    head = ["| route | right | what it does | parameters | answers |", "|---|---|---|---|---|"]
    return [f"## {title}\n", *head, *rows, ""]


def _right(operation: Mapping[str, Any]) -> str:
    return f"`{operation['x-right']}`"


def _what(operation: Mapping[str, Any]) -> str:
    """Return the first sentence of what a route does."""
    words = " ".join(operation["description"].split())
    first, dot, _ = words.partition(". ")
    return (first + dot).strip().replace("|", "\\|")


def _asks(operation: Mapping[str, Any]) -> str:
    found = [
        f"{one['name']}{'*' if one.get('required') else ''}"
        for one in operation.get("parameters", ())
        if one["in"] != "path" and one["name"] not in _EVERYWHERE
    ]
    return ", ".join(f"`{name}`" for name in found)
