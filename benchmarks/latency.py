"""From the POST of one charge-off to its committed alert, embedded, at 100 facts a second from an open-loop generator.

Every tenth fact is a charge-off, the others are repayments. Each loan is a segment of its own and the policy rings by
segment, so every charge-off has an alert of its own: ten alerts a second. The generator posts each fact by itself, on
its timetable, whether or not earlier answers have come; an alert counts as committed when the feed of revisions first
shows it, so the reading's own delay is inside the figure.
"""

import asyncio
import datetime as dt
import json
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks import synthetic
from benchmarks.limits import bare_commit_ms
from benchmarks.measure import Measured, slowness
from benchmarks.processor import cpu_s
from benchmarks.throughput import _chunks, _lines, _send
from tests.support.processes import System, embedded_system

RATE_PER_S = 100
SECONDS = 20
CHARGE_OFF_EVERY = 10
ALERTS = RATE_PER_S * SECONDS // CHARGE_OFF_EVERY
_POLICY = """
policy: bench
books:
  bench:
    - id: charge-offs
      indicator: charge_off_rate
      basis: count
      segments: [branch]
      period: month
      direction: above
      red: {enter: 50 %, leave: 40 %}
      owner: portfolio_manager
"""


def measure(_size: int | None, _rounds: int | None) -> list[Measured]:
    """Run once; return p50 and p99."""
    with tempfile.TemporaryDirectory() as folder, embedded_system(Path(folder)) as system:
        _prepare(system)
        pid, slow = system.processes["tocsin"].pid, slowness()
        spent_s, began = cpu_s(pid), time.perf_counter()
        delays_ms = asyncio.run(_run(system))
        share = (cpu_s(pid) - spent_s) / (time.perf_counter() - began)
        bare_ms = bare_commit_ms(Path(folder))
    assert len(delays_ms) == ALERTS, f"{len(delays_ms)} alerts"
    cuts = statistics.quantiles(delays_ms, n=100)
    return [
        Measured(
            id=f"charge_off_to_alert_embedded_{name}",
            what=f"POST of a charge-off to its committed alert, embedded, {name}",
            figure=round(cuts[cut] / slow, 1),
            raw=round(cuts[cut], 1),
            unit="ms",
            must=must,
            aim=aim,
            more_is_better=False,
            beside={"a bare commit, ms": bare_ms, "this to a bare commit": cuts[cut] / bare_ms, "cores": share},
        )
        for name, cut, must, aim in (("p50", 49, 125, 40), ("p99", 98, 250, 100))
    ]


def _prepare(system: System) -> None:
    assert system.post("/intake/v1/books", synthetic.open_book(branches=True)).status_code == 201
    answer = system.request(
        "POST", "/risk/v1/policies", content=_POLICY.encode(), headers={"Content-Type": "text/yaml"}
    )
    assert answer.status_code == 201, answer.text
    headers = {"Authorization": f"Bearer {system.key}", "Content-Type": "application/x-ndjson"}
    with httpx.Client(base_url=system.url_of("/intake/v1"), headers=headers, timeout=60) as client:
        for chunk in _chunks(synthetic.clients_and_loans(RATE_PER_S * SECONDS)):
            _send(client, _lines(chunk))
    day = "2024-01-31"
    system.post(f"/intake/v1/books/{synthetic.BOOK}/closes", {"day": day, "known_at": f"{day}T23:00:00Z"})
    system.settle(synthetic.BOOK)


async def _run(system: System) -> list[float]:
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    headers = {"Authorization": f"Bearer {system.key}"}
    async with httpx.AsyncClient(base_url=system.url_of("/intake/v1"), headers=headers, timeout=60) as client:
        watching = asyncio.create_task(_watch(client, seen))
        began = time.perf_counter()
        posts = []
        for number in range(RATE_PER_S * SECONDS):
            await asyncio.sleep(max(0.0, began + number / RATE_PER_S - time.perf_counter()))
            if number % CHARGE_OFF_EVERY == 0:
                sent[f"branch=B{number}"] = time.perf_counter()
            posts.append(asyncio.create_task(_post(client, number)))
        await asyncio.gather(*posts)
        async with asyncio.timeout(30):
            await watching
    return [(seen[segment] - at) * 1000 for segment, at in sent.items()]


async def _post(client: httpx.AsyncClient, number: int) -> None:
    day = dt.date(2024, 2, 1)
    charged_off = number % CHARGE_OFF_EVERY == 0
    fact = synthetic.charge_off(number, day) if charged_off else synthetic.repayment(number, 0, day)
    body = json.dumps(fact)
    content_type = {"Content-Type": "application/cloudevents+json"}
    answer = await client.post("/intake/v1/facts", content=body, headers=content_type)
    assert answer.status_code == 200, answer.text


async def _watch(client: httpx.AsyncClient, seen: dict[str, float]) -> None:
    after = ""
    while len(seen) < ALERTS:
        parameters = {"limit": "500", **({"after": after} if after else {})}
        page = (await client.get("/risk/v1/alert-revisions", params=parameters)).json()
        now = time.perf_counter()
        for item in page["items"]:
            seen.setdefault(item["segment"], now)
        after = page["next"] or after
        await asyncio.sleep(0.02)
