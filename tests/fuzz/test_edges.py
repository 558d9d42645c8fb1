"""Every route of notify, feedback and risk that takes something: no body, form, address or header makes a 500."""

import os
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi import FastAPI

from shared.runtime.http import make_app
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.fuzz import hostile
from tests.fuzz.own_topics import Fed, valid_records
from tests.fuzz.test_own_topics import SERVICES
from tests.notify.house import PEOPLE
from tests.support.asgi import ask
from tests.support.small_book import POLICY

REQUESTS = 400
SEED = int(os.environ.get("SEED", "1"))
_KNOWN: tuple[Any, ...] = (
    "0f" * 16,
    "1f" * 16,
    "2f" * 16,
    "officer-7",
    "auto",
    "c-1",
    "l-1",
    "true",
    3,
    "email",
    POLICY,
)


def fields_of(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """Return the names of the fields that a route's body may have."""
    names: list[str] = []
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content.get("schema", {})
        if reference := schema.get("$ref"):
            schema = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
        names += schema.get("properties", {})
    return names or ["text"]


def made_body(dice: random.Random, names: list[str], kind: str) -> bytes:
    """Return a body that is near to what a route takes."""
    body = {name: dice.choice((*_KNOWN, hostile.odd_value(dice, name))) for name in names if dice.random() < 0.8}
    if "yaml" in kind:
        return hostile.torn(dice, dice.choice((PEOPLE, POLICY)).encode())
    if "form" in kind:
        return urlencode({name: str(one).encode("utf-8", "replace") for name, one in body.items()}).encode()
    whole = hostile.encoded(hostile.spoiled(dice, {"data": body}).get("data") if body else body)
    return hostile.torn(dice, whole) if dice.random() < 0.1 else whole


def filled(dice: random.Random, path: str) -> str:
    """Return a route's path with something in each of its places."""
    while "{" in path:
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        wanted = dice.choice((*_KNOWN[:6], *hostile.TEXTS[:28])) if name else ""
        path = before + quote(str(wanted)[:300].encode("utf-8", "replace"), safe="") + after
    return path


@pytest.mark.parametrize("name", SERVICES)
async def test_no_request_makes_a_500(name: str, dsn: str | None, tmp_path: Path) -> None:
    fed = Fed(*SERVICES[name], dsn)
    await fed.begin()
    try:
        await fed.feed(valid_records(fed.service, 1))
        keys = KeyRing(tmp_path / "keys.json")
        secret = keys.add("all", RIGHTS, "2020-01-01")[1]
        app: FastAPI = make_app([fed.service], keys, fed.health, "fuzzed")
        document, dice = app.openapi(), random.Random(SEED)
        routes = [
            (method, path, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if method != "parameters"
        ]
        answered: dict[int, int] = {}
        for _ in range(REQUESTS):
            method, path, operation = dice.choice(routes)
            kinds = list(operation.get("requestBody", {}).get("content", {})) or ["application/json"]
            kind = dice.choice(kinds) if dice.random() < 0.95 else "application/octet-stream"
            headers = [(b"authorization", f"Bearer {secret}".encode()), (b"content-type", kind.encode())]
            if dice.random() < 0.3:
                headers.append(
                    (dice.choice((b"if-match", b"idempotency-key")), dice.choice((b'"1"', b"*", b"\xff", b"")))
                )
            target, body = filled(dice, path), made_body(dice, fields_of(document, operation), kind)
            asked = urlencode({"book": "auto", "by": dice.choice(("x", "\0"))}) if dice.random() < 0.5 else ""
            answer = await ask(app, method.upper(), f"{target}?{asked}", headers, body)
            assert answer.status < 500, f"{answer} to {method} {target}?{asked} ({kind}): {body[:500]!r}"
            answered[answer.status // 100] = answered.get(answer.status // 100, 0) + 1
        assert answered.keys() >= {2, 4}
    finally:
        await fed.close()
