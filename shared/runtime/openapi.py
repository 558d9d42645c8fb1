"""What the OpenAPI documents say beside what the routes say themselves: rights, problems, stable names, words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from shared.events.fields import FIELDS
from shared.problem import ProblemDetails, answers
from shared.security.rights import PUBLIC, RIGHTS, Right

DESCRIPTION = """\
Errors are RFC 9457 problem details with everything that is wrong at once. Lists are read page by page: `next` of a page
is the `cursor` of the following one. An `Idempotency-Key` makes the same request again the same request, for a day.
Documents only grow: readers must ignore fields that they do not know."""

_AMBIGUOUS = frozenset({"kind", "name", "reason", "state", "text", "value", "version", "body", "key"})
"""Words of the catalogue that a parameter or an answer may use otherwise: those say themselves what they mean."""


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation, the same for ever: clients are generated from it."""
    first = route.path.split("/")[1]
    name = "".join(one if one.isalnum() else "_" for one in route.name)
    return name if route.path.count("/") == 1 else f"{first}_{name}"


def describe(app: FastAPI, routes: Iterable[APIRoute]) -> None:
    """Complete the document of an application that serves these routes."""
    made = app.openapi
    rights = {(route.path_format, method.lower()): _right(route) for route in routes for method in route.methods or ()}

    def openapi() -> dict[str, Any]:
        document = made()
        document["info"].update(description=DESCRIPTION, license={"name": "Apache-2.0", "identifier": "Apache-2.0"})
        parts = document.setdefault("components", {})
        _add_problem(parts.setdefault("schemas", {}))
        listed = "\n".join(f"- `{right}`: {meaning}" for right, meaning in RIGHTS.items())
        parts["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": f"An API key; its rights say what it may:\n{listed}",
            }
        }
        for place, operation in _operations(document):
            _secure(operation, rights[place])
            _refuse(operation)
            for parameter in operation.get("parameters", ()):
                _explain(parameter["name"], parameter, parameter["schema"])
        for schema in parts["schemas"].values():
            for name, shape in schema.get("properties", {}).items():
                _explain(name, shape, shape)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield (path, method), operation


def _right(route: APIRoute) -> str:
    return next((one.call.right for one in route.dependant.dependencies if isinstance(one.call, Right)), "")


def _secure(operation: dict[str, Any], right: str) -> None:
    """Name the right that an operation needs: as OpenAPI 3.1 does for keys, and in words."""
    operation["x-right"] = right
    operation["security"] = [] if right in PUBLIC else [{"key": [right]}]


def _refuse(operation: dict[str, Any]) -> None:
    """Describe what FastAPI refuses by itself as it is answered: by a problem."""
    if "HTTPValidationError" in str(operation["responses"].get("422", "")):
        operation["responses"]["422"] = answers(422)[422]


def _explain(name: str, described: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Say what a word of the catalogue means where it is used without saying so."""
    meaning = FIELDS.get(name)
    if meaning and name not in _AMBIGUOUS and not described.get("description") and not schema.get("description"):
        described["description"] = meaning


def _add_problem(schemas: dict[str, Any]) -> None:
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, nested in problem.pop("$defs", {}).items():
        schemas.setdefault(name, nested)
    schemas.setdefault("ProblemDetails", problem)
