"""Facts per second from HTTP NDJSON to committed indicators, embedded: everything durable, months closed as they end.

The clock runs from the first request to the moment at which nothing is behind and the last month is evaluated.
"""

import itertools
import tempfile
import time
from pathlib import Path

from benchmarks import synthetic
from benchmarks.limits import bare_writes_per_s
from benchmarks.measure import Measured, slowness
from benchmarks.processor import cpu_s
from tests.support.processes import System, embedded_system

LOANS = 4_000
MONTHS = 12
ROUNDS = 5


def measure(size: int | None, rounds: int | None) -> list[Measured]:
    """Run `rounds` times, with `size` loans; return the run of the median figure."""
    runs = sorted((_run(size or LOANS) for _ in range(rounds or ROUNDS)), key=lambda run: run.figure)
    return [runs[(len(runs) - 1) // 2]]


def _run(loans: int) -> Measured:
    batches, months = bodies_of(loans)
    facts = sum(body.count(b"\n") for body in [*batches, *itertools.chain.from_iterable(months)])
    with tempfile.TemporaryDirectory() as folder, embedded_system(Path(folder)) as system:
        pid, slow = system.processes["tocsin"].pid, slowness()
        spent_s = cpu_s(pid)
        took_s = send_all(system, loans, batches, months)
        spent_s = cpu_s(pid) - spent_s
        slow = (slow + slowness()) / 2
        bare = bare_writes_per_s(Path(folder), [line for body in months[0] for line in body.splitlines()])
    rate = facts / took_s
    return Measured(
        id="ndjson_to_indicators_embedded",
        what="HTTP NDJSON to committed indicators, embedded",
        figure=round(rate * slow),
        raw=round(rate),
        unit="facts/s",
        must=5_000,
        aim=8_000,
        more_is_better=True,
        beside={
            "bare SQLite, facts/s": bare,
            "bare SQLite to this": bare / rate,
            "processor, us/fact": spent_s / facts * 1e6,
            "cores": spent_s / took_s,
        },
    )


def bodies_of(loans: int) -> tuple[list[bytes], list[list[bytes]]]:
    """Return the requests that bring clients and loans, and those of each month."""
    batches = list(synthetic.requests_of(synthetic.clients_and_loans(loans)))
    months = [list(synthetic.requests_of(synthetic.repayments(loans, month))) for month in range(MONTHS)]
    return batches, months


def send_all(system: System, loans: int, batches: list[bytes], months: list[list[bytes]]) -> float:
    """Send all of it, each month closed as it ends; return the seconds until the last month is evaluated."""
    assert system.post("/intake/v1/books", synthetic.open_book(branches=False)).status_code == 201
    with synthetic.sender(system) as client:
        began = time.perf_counter()
        for body in batches:
            synthetic.send(client, body)
        for month, bodies in enumerate(months):
            for body in bodies:
                synthetic.send(client, body)
            day = synthetic.month_end(month).isoformat()
            system.post(f"/intake/v1/books/{synthetic.BOOK}/closes", {"day": day, "known_at": f"{day}T23:00:00Z"})
        system.settle(synthetic.BOOK)
        took_s = time.perf_counter() - began
    series = system.get("/risk/v1/indicators/missed_payment_rate/series", book=synthetic.BOOK)["series"]
    finals = [point for point in series if point["final"] and point["denominator"]]
    assert len(finals) == MONTHS, series
    assert all(point["denominator"] == loans for point in finals), finals
    return took_s
