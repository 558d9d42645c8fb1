"""Bad input at the edge of a running system: a clear refusal with all its reasons, nothing lost, nothing half done."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import small_book
from tests.support.processes import System, embedded_system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("edge")


@pytest.fixture(scope="module")
def system(folder: Path) -> Iterator[System]:
    with embedded_system(folder) as running:
        assert running.post("/intake/v1/books", small_book.OPENING).status_code == 201
        running.send_facts(small_book.beginnings())
        yield running


def post_fact(system: System, fact: Any) -> httpx.Response:
    headers = {"Content-Type": "application/cloudevents+json"}
    return system.request("POST", "/intake/v1/facts", content=json.dumps(fact).encode(), headers=headers)


def repayment(identity: str, **changes: Any) -> dict[str, Any]:
    body = {"loan": "l1", "amount": "10.00", "currency": "EUR", **changes}
    return small_book.fact(identity, "repayment.received", small_book.MONTHS[0], **body)


def test_all_field_errors_come_at_once(system: System) -> None:
    fact = repayment("bad-1", amount="-5.123", colour="red")
    fact["data"]["value_date"] = "2023-02-31"
    answer = post_fact(system, fact)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].startswith("https://tocsin.dev/problems/")
    pointers = {error["pointer"].rsplit("/", 1)[-1] for error in problem["errors"]}
    assert {"amount", "colour", "value_date"} <= pointers


@pytest.mark.parametrize(
    "changes",
    [{"amount": "10.001"}, {"amount": "-1.00"}, {"amount": "0.00"}, {"currency": "EURO"}, {"value_date": "1899-12-31"}],
)
def test_a_wrong_value_is_refused(system: System, changes: dict[str, str]) -> None:
    assert post_fact(system, repayment("bad-2", **changes)).status_code == 422
    assert system.request("GET", "/intake/v1/facts/bad-2").status_code == 404


def test_a_repayment_for_an_unknown_loan_waits_and_goes_on_when_the_loan_arrives(system: System) -> None:
    waiting = post_fact(system, repayment("early", loan="l-late"))
    assert waiting.status_code == 202
    assert system.get("/intake/v1/facts/early")["outcome"] == "waiting"
    late = {**small_book.beginnings()[1], "id": "l-late"}
    late["data"] = {**late["data"], "loan": "l-late"}
    assert post_fact(system, late).status_code in (200, 201)
    assert system.get("/intake/v1/facts/early")["outcome"] == "accepted"


def test_the_same_id_with_another_body_is_a_conflict(system: System) -> None:
    assert post_fact(system, repayment("once")).status_code in (200, 201)
    assert post_fact(system, repayment("once")).json()["items"][0]["outcome"] == "repeated"
    assert post_fact(system, repayment("once", amount="11.00")).status_code == 409


def test_a_hundred_megabytes_are_refused_unread(system: System) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1024 * 1024

    headers = {"Authorization": f"Bearer {system.key}", "Content-Type": "application/x-ndjson"}
    try:
        answer = httpx.post(system.url_of("/intake/v1") + "/intake/v1/facts", content=endless(), headers=headers)
    except httpx.WriteError:
        return  # The server closed the connection before the client had written everything.
    assert answer.status_code == 413


def test_half_a_line_is_refused_and_the_others_stand(system: System) -> None:
    lines = [json.dumps(repayment("line-1")), '{"specversion": "1.0", "id": "half', json.dumps(repayment("line-3"))]
    headers = {"Content-Type": "application/x-ndjson"}
    answer = system.request("POST", "/intake/v1/facts", content="\n".join(lines).encode(), headers=headers)
    assert answer.status_code == 200
    assert [item["outcome"] for item in answer.json()["items"]] == ["accepted", "refused", "accepted"]


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b"", b"null", b"[]", b'{"id": 1', b"[" * 100_000])
def test_no_body_makes_a_500(system: System, body: bytes) -> None:
    for path in ("/intake/v1/facts", "/intake/v1/books", "/intake/v1/loans", "/risk/v1/policies"):
        for content_type in ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json"):
            answer = system.request("POST", path, content=body, headers={"Content-Type": content_type})
            assert answer.status_code < 500, f"{path} {content_type}: {answer.text}"
            assert answer.status_code >= 400 or answer.json().get("accepted", 0) == 0


def test_a_closed_day_closed_again_has_no_effect(system: System) -> None:
    path, day = f"/intake/v1/books/{small_book.BOOK}/closes", {"day": "2023-01-05"}
    assert system.post(path, day).status_code == 201
    again = system.post(path, day)
    assert (again.status_code, again.json()["effect"]) == (200, "none")
    assert system.post(path, {"day": "2023-01-03"}).json()["effect"] == "none"


def test_a_close_before_the_first_day_is_refused(system: System) -> None:
    answer = system.post(f"/intake/v1/books/{small_book.BOOK}/closes", {"day": "2022-12-31"})
    assert answer.status_code == 422


def test_an_idempotency_key_replays_the_answer_and_refuses_another_body(system: System) -> None:
    body = {"book": small_book.BOOK, "value_date": "2023-02-20", "amount": "5.00", "currency": "EUR"}
    headers = {"Idempotency-Key": "key-1"}
    first = system.post("/intake/v1/loans/l2/repayments", body, headers=headers)
    again = system.post("/intake/v1/loans/l2/repayments", body, headers=headers)
    other = system.post("/intake/v1/loans/l2/repayments", {**body, "amount": "6.00"}, headers=headers)
    assert first.status_code == 201
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert other.status_code == 422


def test_a_key_without_the_right_is_refused(system: System) -> None:
    url = system.url_of("/risk/v1") + "/risk/v1/alerts"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Bearer tk_wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [("/notify/v1/pages/alerts/forged.link", 404), ("/notify/v1/people", 200), ("/notify/v1/nowhere", 404)],
)
def test_a_head_is_answered_as_a_get_without_its_body(system: System, path: str, status: int) -> None:
    shown, head = system.request("GET", path), system.request("HEAD", path)
    assert (head.status_code, head.content) == (status, b"")
    assert head.headers["content-type"] == shown.headers["content-type"]


def test_the_data_are_for_nobody_but_their_owner(system: System, folder: Path) -> None:
    assert system.key
    assert (folder / "data").stat().st_mode & 0o077 == 0
