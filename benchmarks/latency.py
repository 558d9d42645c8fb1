"""From the POST of one charge-off to its committed alert, facts coming at a fixed rate from an open-loop generator.

Ten facts a second are charge-offs, the others are repayments. Each loan is a segment of its own and the policy rings by
segment, so every charge-off has an alert of its own. The generator, a process of its own, posts each fact by itself, on
its timetable, whether or not earlier answers have come; an alert counts as committed when the feed of revisions first
shows it, so the reading's own delay is inside the figure. B4 is the same at 250 facts a second, embedded, and on
PostgreSQL and Apache Kafka with one process per service.
"""

import asyncio
import contextlib
import datetime as dt
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks import synthetic
from benchmarks.kafka.servers import Servers
from benchmarks.limits import bare_commit_ms
from benchmarks.measure import Measured, slowness
from benchmarks.processor import family_cpu_s
from tests.support.distributed import distributed_system
from tests.support.processes import System, embedded_system

SECONDS = 20
CHARGE_OFFS_PER_S = 10
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


class _Rate(NamedTuple):
    """So many facts a second for so many seconds."""

    per_s: int
    seconds: int

    @property
    def facts(self) -> int:
        return self.per_s * self.seconds

    @property
    def alerts(self) -> int:
        return CHARGE_OFFS_PER_S * self.seconds

    def is_charge_off(self, number: int) -> bool:
        return number % (self.per_s // CHARGE_OFFS_PER_S) == 0


def measure(size: int | None, _rounds: int | None) -> list[Measured]:
    """Run at each rate once, for `size` seconds; return p50 and p99."""
    seconds = size or SECONDS
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder, embedded_system(Path(folder)) as system:
        measured += _measure(
            system, _Rate(100, seconds), Path(folder), "charge_off_to_alert_embedded", ((125, 40), (250, 100))
        )
    for where in ("embedded", "distributed"):
        with tempfile.TemporaryDirectory() as folder, _running(where, Path(folder)) as system:
            measured += _measure(system, _Rate(250, seconds), Path(folder), f"B4_{where}", ((None, None), (150, 100)))
    return measured


@contextlib.contextmanager
def _running(where: str, folder: Path) -> Iterator[System]:
    if where == "embedded":
        with embedded_system(folder) as system:
            yield system
        return
    with Servers(folder).running() as servers, distributed_system(folder, servers.dsn, servers.kafka, risk=1) as system:
        yield system


def _measure(
    system: System, rate: _Rate, folder: Path, name: str, bars: tuple[tuple[float | None, float | None], ...]
) -> list[Measured]:
    """Return p50 and p99 of one run; one without a bar is shown beside the other."""
    _prepare(system, rate)
    pids, slow = [process.pid for process in system.processes.values()], slowness()
    spent_s, began = sum(map(family_cpu_s, pids)), time.perf_counter()
    delays_ms = asyncio.run(_run(system, rate))
    cores = (sum(map(family_cpu_s, pids)) - spent_s) / (time.perf_counter() - began)
    slow = (slow + slowness()) / 2
    assert len(delays_ms) == rate.alerts, f"{len(delays_ms)} alerts"
    cuts = statistics.quantiles(delays_ms, n=100)
    beside = {"p50 as timed, ms": cuts[49], "a bare commit, ms": bare_commit_ms(folder), "cores": cores}
    return [
        Measured(
            id=f"{name}_{percentile}",
            what=f"POST of a charge-off to its committed alert at {rate.per_s} facts/s, {percentile}",
            figure=round(cuts[cut] / slow, 1),
            raw=round(cuts[cut], 1),
            unit="ms",
            must=must,
            aim=aim,
            more_is_better=False,
            beside=beside,
        )
        for percentile, cut, (must, aim) in zip(("p50", "p99"), (49, 98), bars, strict=True)
        if must is not None and aim is not None
    ]


def _prepare(system: System, rate: _Rate) -> None:
    assert system.post("/intake/v1/books", synthetic.open_book(branches=True)).status_code == 201
    answer = system.request(
        "POST", "/risk/v1/policies", content=_POLICY.encode(), headers={"Content-Type": "text/yaml"}
    )
    assert answer.status_code == 201, answer.text
    with synthetic.sender(system) as client:
        for body in synthetic.requests_of(synthetic.clients_and_loans(rate.facts)):
            synthetic.send(client, body)
    day = "2024-01-31"
    system.post(f"/intake/v1/books/{synthetic.BOOK}/closes", {"day": day, "known_at": f"{day}T23:00:00Z"})
    system.settle(synthetic.BOOK)


async def _run(system: System, rate: _Rate) -> list[float]:
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    headers = {"Authorization": f"Bearer {system.key}"}
    async with (
        httpx.AsyncClient(base_url=system.url_of("/intake/v1"), headers=headers, timeout=60) as client,
        httpx.AsyncClient(base_url=system.url_of("/risk/v1"), headers=headers, timeout=60) as feed,
    ):
        watching = asyncio.create_task(_watch(feed, rate, seen))
        began = time.perf_counter()
        posts = []
        for number in range(rate.facts):
            await asyncio.sleep(max(0.0, began + number / rate.per_s - time.perf_counter()))
            if rate.is_charge_off(number):
                sent[f"branch=B{number}"] = time.perf_counter()
            posts.append(asyncio.create_task(_post(client, rate, number)))
        await asyncio.gather(*posts)
        async with asyncio.timeout(30):
            await watching
    return [(seen[segment] - at) * 1000 for segment, at in sent.items()]


async def _post(client: httpx.AsyncClient, rate: _Rate, number: int) -> None:
    day = dt.date(2024, 2, 1)
    charged_off = rate.is_charge_off(number)
    fact = synthetic.charge_off(number, day) if charged_off else synthetic.repayment(number, 0, day)
    body = json.dumps(fact)
    content_type = {"Content-Type": "application/cloudevents+json"}
    answer = await client.post("/intake/v1/facts", content=body, headers=content_type)
    assert answer.status_code == 200, answer.text


async def _watch(client: httpx.AsyncClient, rate: _Rate, seen: dict[str, float]) -> None:
    after = ""
    while len(seen) < rate.alerts:
        parameters = {"limit": "500", **({"after": after} if after else {})}
        page = (await client.get("/risk/v1/alert-revisions", params=parameters)).json()
        now = time.perf_counter()
        for item in page["items"]:
            seen.setdefault(item["segment"], now)
        after = page["next"] or after
        await asyncio.sleep(0.02)
