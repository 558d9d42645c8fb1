"""What callers rely on of an HTTP interface, as sorted lines; a released one is kept, and may only be added to."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tocsin.system

RELEASED = Path(__file__).parents[1] / "data" / "http"
"""`<version>/<service>.txt`: what was promised with a version."""
_DEPTH_MAX = 6

Document = Mapping[str, Any]


def surface_of(document: Document) -> list[str]:
    """Return the lines of an OpenAPI document: operations, what may and must be sent, what is answered."""
    lines: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            lines.append(f"{name} is {operation['operationId']} by {operation['x-right']}")
            lines += [f"{name} {line}" for line in _sent(document, operation)]
            lines += [f"{name} {line}" for line in _answered(document, operation)]
    return sorted(set(lines))


def breaks(old: list[str], new: list[str]) -> list[str]:
    """Return why a caller of `old` might fail on `new`: something is gone or of another shape, or more is asked for."""
    kept, before = set(new), set(old)
    known = {line.split(" is ")[0] for line in old if " is " in line and line.split(" ")[2] == "is"}
    gone = [f"gone: {line}" for line in old if line not in kept]
    asked = [
        f"asked for: {line}"
        for line in new
        if line.endswith(" required") and line not in before and " ".join(line.split(" ")[:2]) in known
    ]
    return gone + asked


def _sent(document: Document, operation: Document) -> Iterator[str]:
    for one in operation.get("parameters", ()):
        yield f"takes {one['in']} {one['name']}: {_type(document, one['schema'])}{_must(one.get('required'))}"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for field, kind, required in _fields(document, content["schema"]):
            yield f"takes {media_type} {field}: {kind}{_must(required)}"


def _answered(document: Document, operation: Document) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        yield f"answers {status}"
        for content in answer.get("content", {}).values() if status.startswith("2") else ():
            for field, kind, _ in _fields(document, content.get("schema", {})):
                yield f"answers {status} {field}: {kind}"


def _must(required: bool | None) -> str:
    return " required" if required else ""


def _fields(document: Document, schema: Document, at: str = "", depth: int = 0) -> Iterator[tuple[str, str, bool]]:
    """Yield (path, type, whether it must be there) of every field of a schema, those of alternatives together."""
    schema = _plain(document, schema)
    if depth > _DEPTH_MAX:
        return
    for alternative in schema.get("oneOf", schema.get("anyOf", ())):
        yield from _fields(document, alternative, at, depth + 1)
    if "items" in schema:
        yield from _fields(document, schema["items"], f"{at}[]", depth + 1)
    for name, shape in schema.get("properties", {}).items():
        yield f"{at}.{name}", _type(document, shape), name in schema.get("required", ())
        yield from _fields(document, shape, f"{at}.{name}", depth + 1)


def _type(document: Document, schema: Document) -> str:
    schema = _plain(document, schema)
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if alternatives:
        return "|".join(sorted({_type(document, one) for one in alternatives}))
    found = schema.get("type", "any")
    return "|".join(sorted(found)) if isinstance(found, list) else str(found)


def _plain(document: Document, schema: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def release(documents: Mapping[str, Document], version: str) -> None:
    """Keep what is promised with a version."""
    folder = RELEASED / version
    folder.mkdir(parents=True, exist_ok=True)
    for service, document in documents.items():
        (folder / f"{service}.txt").write_text("\n".join(surface_of(document)) + "\n")


if __name__ == "__main__":
    docs = Path(__file__).parents[2] / "docs" / "openapi"
    found = {path.stem: json.loads(path.read_text()) for path in sorted(docs.glob("*.json"))}
    release(found, tocsin.system.run_version())
    sys.stdout.write(f"kept in {RELEASED / tocsin.system.run_version()}\n")
