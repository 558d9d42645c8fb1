"""What the OpenAPI document says about bodies: made from the structs that decode and encode them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.intake.domain.findings import ID_LENGTH_MAX, SOURCE_LENGTH_MAX
from services.intake.handlers.shapes import FACT_BY_TYPE, constrained, twin
from shared.events.examples import example_of
from shared.problem import answers

PROBLEMS_READ = (401, 403, 422, 503)
PROBLEMS_WRITE = (400, 401, 403, 409, 413, 415, 422, 503)


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a struct, without references."""
    (schema,), definitions = msgspec.json.schema_components([kind], ref_template="{name}")
    resolved: dict[str, Any] = _resolved(schema, definitions)
    return resolved


def body(schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    """Return a route's `openapi_extra` for a required JSON body."""
    return bodies({"application/json": (schema, example)})


def bodies(described: Mapping[str, tuple[Mapping[str, Any], Any]]) -> dict[str, Any]:
    """Return a route's `openapi_extra` for a required body of one of several media types: (schema, example) of each."""
    content = {
        media_type: {"schema": schema, "example": example} for media_type, (schema, example) in described.items()
    }
    return {"requestBody": {"required": True, "content": content}}


def example_without(message_type: str, *told: str) -> dict[str, Any]:
    """Return the catalogue's example of a message as a body, without what its address tells."""
    return {name: value for name, value in example_of(message_type).items() if name not in told}


def example_event(fact_type: str) -> dict[str, Any]:
    """Return a fact as a CloudEvent."""
    data = example_of(fact_type)
    return {"specversion": "1.0", "id": "2020-03-0042", "source": "core-banking", "type": fact_type, "data": data}


def replies(by_status: Mapping[int, tuple[str, Any]], *problems: int) -> dict[int | str, dict[str, Any]]:
    """Return a route's `responses`: a description and a struct per status, and the problems that it may answer."""
    found = answers(*problems)
    for status, (description, kind) in by_status.items():
        schema = kind if isinstance(kind, dict) else schema_of(kind)
        found[status] = {"description": description, "content": {"application/json": {"schema": schema}}}
    return found


def struct_schema(kind: type[Any]) -> dict[str, Any]:
    """Return the schema of a body that is decoded into a struct, with the constraints that its rules hold."""
    return schema_of(twin(kind, constrained))


def resource_schema(fact_type: str, told: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of a fact posted as a resource; `told` are the fields that its address tells."""
    schema = struct_schema(FACT_BY_TYPE[fact_type])
    schema["required"] = [name for name in schema["required"] if name not in told]
    fact_id = {
        "type": "string",
        "minLength": 1,
        "maxLength": ID_LENGTH_MAX,
        "description": "The producer's id of this fact; made when absent",
    }
    source = {
        "type": "string",
        "minLength": 1,
        "maxLength": SOURCE_LENGTH_MAX,
        "description": "Who says so: ids are unique within it",
    }
    schema["properties"] = {"id": fact_id, "source": source, **schema["properties"]}
    return schema


def event_schema() -> dict[str, Any]:
    """Return the schema of a CloudEvent that carries a fact."""
    return {"oneOf": [_event_schema(fact_type) for fact_type in FACT_BY_TYPE]}


def _event_schema(fact_type: str) -> dict[str, Any]:
    return {
        "type": "object",
        "title": fact_type,
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": ID_LENGTH_MAX},
            "source": {"type": "string", "minLength": 1, "maxLength": SOURCE_LENGTH_MAX},
            "type": {"const": fact_type},
            "data": struct_schema(FACT_BY_TYPE[fact_type]),
        },
    }


def page_schema(kind: Any) -> dict[str, Any]:
    """Return the schema of one page of a list."""
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": kind if isinstance(kind, dict) else schema_of(kind)},
            "next": {"type": ["string", "null"], "description": "Cursor of the next page"},
        },
    }


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with its references replaced; none of ours refers to itself."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _resolved(definitions[schema["$ref"]], definitions)
        # A discriminator's mapping would point at what is no longer there.
        return {name: _resolved(value, definitions) for name, value in schema.items() if name != "discriminator"}
    if isinstance(schema, list):
        return [_resolved(value, definitions) for value in schema]
    return schema
