"""A synthetic book: loans with monthly instalments, nearly all paid on time. The same for every run."""

import contextlib
import datetime as dt
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from tests.support.processes import System

FIRST_DAY = dt.date(2024, 1, 1)
BOOK = "bench"
REGIONS = 20


FACTS_PER_REQUEST = 2_000


def requests_of(facts: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield facts as NDJSON, so many per request."""
    each = iter(facts)
    while chunk := list(itertools.islice(each, FACTS_PER_REQUEST)):
        yield b"".join(json.dumps(fact).encode() + b"\n" for fact in chunk)


def send(client: httpx.Client, body: bytes) -> int:
    """Send one request to intake, which has to accept all of it; return the number of facts."""
    answer = client.post("/facts", content=body).json()
    assert answer["accepted"] == body.count(b"\n"), answer
    return int(answer["accepted"])


@contextlib.contextmanager
def sender(system: System) -> Iterator[httpx.Client]:
    """Yield a client that sends NDJSON to the intake of a system."""
    headers = {"Authorization": f"Bearer {system.key}", "Content-Type": "application/x-ndjson"}
    with httpx.Client(base_url=f"{system.url_of('/intake/v1')}/intake/v1", headers=headers, timeout=60) as client:
        yield client


def open_book(branches: bool) -> dict[str, Any]:
    """Return the book's opening; by branch when each loan shall be a segment of its own."""
    return {
        "book": BOOK,
        "base_currency": "USD",
        "time_zone": "UTC",
        "calendar": "EVERY_DAY",
        "first_day": FIRST_DAY.isoformat(),
        "known_at": "2024-01-01T00:00:00Z",
        "tolerance": {"USD": "0.00"},
        "segment_attributes": ["branch" if branches else "region"],
    }


def clients_and_loans(count: int, instalments: int = 24) -> Iterator[dict[str, Any]]:
    """Yield a client and a loan of so many instalments of 100.00 for each number."""
    for number in range(count):
        attributes = {"region": f"R{number % REGIONS}", "branch": f"B{number}"}
        client = {"client": f"c{number}", "kind": "person", "attributes": attributes}
        yield _fact(f"c{number}", "client.registered", FIRST_DAY, client)
        loan = {
            "loan": f"l{number}",
            "client": f"c{number}",
            "currency": "USD",
            "principal": f"{instalments * 100}.00",
            "schedule": {"kind": "annuity", "first_due": "2024-02-15", "instalments": instalments, "rate": "0"},
        }
        yield _fact(f"l{number}", "loan.disbursed", FIRST_DAY, loan)


def repayments(loans: int, month: int) -> Iterator[dict[str, Any]]:
    """Yield the repayments of a month, counted from February 2024 = 0; one loan in fifty pays nothing."""
    day = dt.date(2024 + (1 + month) // 12, (1 + month) % 12 + 1, 15)
    for number in range(loans):
        if (number + month) % 50:
            yield repayment(number, month, day)


def repayment(number: int | str, month: int, day: dt.date) -> dict[str, Any]:
    """Return the repayment of one loan in a month."""
    body = {"loan": f"l{number}", "amount": "100.00", "currency": "USD"}
    return _fact(f"p{number}-{month}", "repayment.received", day, body)


def charge_off(number: int, day: dt.date) -> dict[str, Any]:
    """Return the charge-off of one loan."""
    return _fact(f"x{number}", "loan.charged_off", day, {"loan": f"l{number}"})


def month_end(month: int) -> dt.date:
    """Return the last day of a month, counted as for `repayments`."""
    ahead = month + 2
    return dt.date(2024 + ahead // 12, ahead % 12 + 1, 1) - dt.timedelta(days=1)


def _fact(identity: str, kind: str, day: dt.date, body: dict[str, Any]) -> dict[str, Any]:
    data = {"book": BOOK, "value_date": day.isoformat(), "known_at": f"{day.isoformat()}T00:00:00Z", **body}
    return {"specversion": "1.0", "id": identity, "source": "bench", "type": f"tocsin.{kind}.v1", "data": data}
