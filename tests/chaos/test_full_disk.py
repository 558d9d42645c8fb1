"""A full disk under the embedded system: what does not fit is refused whole, and all goes on when there is room."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.disk import Disk, SizeLimit, small_disk
from tests.support import small_book
from tests.support.processes import System, embedded_system, eventually


@pytest.fixture(params=[small_disk, SizeLimit])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[System, Disk]]:
    disk: Disk = request.param(tmp_path / "data")
    try:
        with embedded_system(tmp_path) as system:
            assert system.post("/intake/v1/books", small_book.OPENING).status_code == 201
            system.send_facts(small_book.beginnings())
            yield system, disk
    finally:
        disk.close()


def send(system: System, number: int, month: int) -> httpx.Response:
    return system.post(
        "/intake/v1/facts",
        small_book.repayment(number, month),
        headers={"Content-Type": "application/cloudevents+json"},
    )


def outcome(system: System, name: str) -> Any:
    answer = system.request("GET", f"/intake/v1/facts/{name}")
    return answer.json()["outcome"] if answer.status_code == 200 else answer.status_code


def test_what_does_not_fit_is_refused_whole_and_goes_in_later(full: tuple[System, Disk]) -> None:
    system, disk = full
    process = system.processes["tocsin"]
    disk.fill(process.pid, 100_000)
    sent = [(number, month) for month in range(3) for number in range(small_book.LOANS)]
    answers = {one: send(system, *one) for one in sent}
    refused = {one for one, answer in answers.items() if not answer.is_success}
    assert refused, "the disk was never full"
    for one in refused:
        problem = answers[one]
        assert problem.status_code == 503, problem.text
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.headers["retry-after"] == "1"
    for number, month in sent:
        expected = 404 if (number, month) in refused else "accepted"
        assert outcome(system, f"p{number}-{month}") == expected, "refused whole or taken whole"
    assert process.running
    red = httpx.get(f"{process.url}/readyz")
    assert red.status_code == 503
    assert "disk is full" in red.text or "disk I/O error" in red.text
    disk.empty(process.pid)
    eventually(process.ready, 60, process.output)
    for one in refused:
        assert send(system, *one).is_success
    day = small_book.end_of(2).isoformat()
    assert system.post(f"/intake/v1/books/{small_book.BOOK}/closes", {"day": day}).status_code == 201
    system.settle(small_book.BOOK)
    assert {outcome(system, f"p{number}-{month}") for number, month in sent} == {"accepted"}
    query = {"book": small_book.BOOK, "segment": "portfolio", "basis": "count"}
    series = system.get("/risk/v1/indicators/missed_payment_rate/series", **query)["series"]
    assert [(point["numerator"], point["denominator"]) for point in series[1:4]] == [(0, 40), (0, 40), (0, 40)]
