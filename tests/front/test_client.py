"""Finding a system, and saying what it refused."""

import socket
from pathlib import Path

import pytest

from tocsin.client import Address, Client, NoSystem, Refused, find_system


def leave(folder: Path, text: str) -> Path:
    (folder / "profile.json").write_text(text)
    return folder


def test_the_profile_that_serve_left_is_found(tmp_path: Path) -> None:
    data = leave(tmp_path, '{"url": "http://127.0.0.1:8400", "key": "tk_a"}')
    assert find_system(None, None, data) == Address("http://127.0.0.1:8400", "tk_a")
    assert find_system(None, "tk_b", data) == Address("http://127.0.0.1:8400", "tk_b")
    assert find_system("http://localhost:9000/", None, data) == Address("http://localhost:9000", "tk_a")


def test_the_local_key_is_not_shown_to_another_machine(tmp_path: Path) -> None:
    data = leave(tmp_path, '{"url": "http://127.0.0.1:8400", "key": "tk_a"}')
    assert find_system("https://risk.example", None, data) == Address("https://risk.example", "")
    assert find_system("https://risk.example", "tk_b", data) == Address("https://risk.example", "tk_b")


def test_without_anything_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoSystem, match="tocsin serve"):
        find_system(None, None, tmp_path)
    with pytest.raises(NoSystem, match="cannot be read"):
        find_system(None, None, leave(tmp_path, "not json"))
    with pytest.raises(NoSystem, match="is not a URL"):
        find_system("localhost:8400", None, tmp_path / "none")


def test_a_problem_is_said_with_every_field_error() -> None:
    problem = {
        "type": "https://tocsin.dev/problems/invalid-policy",
        "title": "The policy is wrong",
        "detail": "2 errors",
        "errors": [{"pointer": "/amount", "detail": "is negative"}, {"line": 7, "detail": "no such indicator"}],
    }
    refused = Refused(422, problem)
    assert refused.slug == "invalid-policy"
    assert refused.text().splitlines() == [
        "The policy is wrong (422)", "2 errors", "  /amount: is negative", "  line 7: no such indicator",
    ]  # fmt: skip


def test_what_the_detail_repeats_is_said_once() -> None:
    errors = [{"pointer": "/day", "detail": "has not begun"}, {"pointer": "/foo", "detail": "is not a field of this"}]
    detail = "/day has not begun; /foo is not a field of this"
    refused = Refused(422, {"title": "The body is not valid", "detail": detail, "errors": errors})
    assert refused.text().splitlines() == [
        "The body is not valid (422)", "  /day: has not begun", "  /foo: is not a field of this",
    ]  # fmt: skip


def test_a_system_that_is_away_is_waited_for_and_then_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    heard: list[str] = []
    away = Address(f"http://127.0.0.1:{port}", "")
    with Client(away, 0.3, heard.append) as client, pytest.raises(NoSystem, match="does not answer"):
        client.get("/readyz")
    assert heard
