"""`make kills FACTS=n KILLS=k SEED=s`: SIGKILL at random moments while facts stream in, compared with a calm run.

A made-up book of so many facts is told twice to the whole system on files: once undisturbed, once to a process that is
killed with SIGKILL at k random places of the stream, a random moment after what comes there was sent, and started
again; its sender tells again what was not answered. At the end both must agree on a hash of every final value of every
indicator and segment and of all alerts that stand, and the ledger must hold every fact once. Prints one closing line.
"""

import argparse
import datetime as dt
import hashlib
import json
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import httpx

from tests.support.processes import System, embedded_system, eventually
from tests.support.small_book import fact

BOOK = "kills"
BATCH = 1_000
_MONTHS = 24
_REGIONS = ("east", "north", "south", "west")
_FIRST = dt.date(2020, 1, 1)
_SETTLE_S = 600.0
_WITHIN_S = 0.3
"""A kill comes at a random moment of so many seconds after a step was sent: before its answer, or after it."""
_POLICY = """
policy: kills
books:
  kills:
    - {id: missed, indicator: missed_payment_rate, basis: count, segments: [portfolio, region], period: month,
       direction: above, amber: {enter: 20 %, leave: 15 %}, red: {enter: 40 %, leave: 30 %}, owner: officer}
    - {id: par, indicator: par30, segments: portfolio, period: day, owner: officer, red: {enter: 30 %, leave: 20 %}}
    - {id: gone, indicator: charge_off_rate, basis: count, segments: [portfolio, region], period: month,
       direction: above, red: {enter: 1 %, leave: 0.5 %}, owner: officer}
"""
_OPENING = {
    "book": BOOK,
    "base_currency": "EUR",
    "time_zone": "UTC",
    "calendar": "WEEKENDS",
    "first_day": _FIRST.isoformat(),
    "known_at": "2020-01-01T00:00:00Z",
    "segment_attributes": ["region"],
}

Step = bytes | dict[str, str]
"""Facts, one per line, or a close."""


class Ending(NamedTuple):
    """How a run ended."""

    hash: str
    told: dict[str, Any]
    facts: int
    distinct: int
    took_s: float


def steps_of(facts: int, seed: int) -> Iterator[Step]:
    """Yield about so many facts in batches, month by month, each month closed; the same seed is the same stream.

    Payments come in good and bad years by region, some of them late, into a month that is closed; some loans are
    charged off, some payments reversed.
    """
    dice = random.Random(seed)
    # Each brings about as many facts as there are months: two at its beginning, and it pays in most.
    loans = max(20, facts // (_MONTHS - 4))
    yield from _batches(_beginnings(loans))
    for number in range(1, _MONTHS):
        yield from _batches(_month(number, loans, dice))
        end = _month_start(number + 1) - dt.timedelta(days=1)
        yield {"day": end.isoformat(), "known_at": f"{end}T23:00:00Z"}


def _batches(facts: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    lines: list[str] = []
    for one in facts:
        lines.append(json.dumps(one))
        if len(lines) == BATCH:
            yield "\n".join(lines).encode()
            lines.clear()
    if lines:
        yield "\n".join(lines).encode()


def _beginnings(loans: int) -> Iterator[dict[str, Any]]:
    schedule = {"kind": "equal_principal", "first_due": "2020-02-15", "instalments": 2 * _MONTHS, "rate": "0.06"}
    for number in range(loans):
        attributes = {"region": _REGIONS[number % len(_REGIONS)]}
        yield _fact(
            f"c{number}", "client.registered", _FIRST, client=f"c{number}", kind="company", attributes=attributes
        )
        terms = {"currency": "EUR", "principal": "4800.00", "schedule": schedule}
        yield _fact(f"l{number}", "loan.disbursed", _FIRST, loan=f"l{number}", client=f"c{number}", **terms)


def _month(number: int, loans: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    start = _month_start(number)
    missing = {region: dice.choice((0.02, 0.05, 0.25, 0.5)) for region in _REGIONS}
    for loan in range(loans):
        if dice.random() < missing[_REGIONS[loan % len(_REGIONS)]]:
            if dice.random() < 0.02:
                yield _fact(f"x{loan}-{number}", "loan.charged_off", start.replace(day=20), loan=f"l{loan}")
            continue
        # One in fifty is known in time and told a month late: its month is closed by then.
        day = start.replace(day=15) if dice.random() > 0.02 else _month_start(number - 1).replace(day=20)
        paid = {"loan": f"l{loan}", "amount": "124.00", "currency": "EUR"}
        yield _fact(f"p{loan}-{number}", "repayment.received", day, **paid)
        if dice.random() < 0.005:
            back = {"loan": f"l{loan}", "repayment": f"p{loan}-{number}", "currency": "EUR"}
            yield _fact(f"r{loan}-{number}", "repayment.reversed", start.replace(day=25), **back)


def _fact(identity: str, what: str, day: dt.date, **body: Any) -> dict[str, Any]:
    return fact(identity, what, day, **{"book": BOOK, **body})


def _month_start(number: int) -> dt.date:
    return dt.date(_FIRST.year + number // 12, number % 12 + 1, 1)


class Killer:
    """Tells a stream to a system whose process it kills now and then."""

    def __init__(self, system: System, dice: random.Random) -> None:
        self._system, self._dice = system, dice
        self._process = system.processes["tocsin"]
        self.kills = 0
        self._lives = 1

    def tell(self, steps: Sequence[Step], kill_at: set[int]) -> None:
        """Send every step in order, again when it was not answered; kill while some are on their way."""
        self._insist("/intake/v1/books", json.dumps(_OPENING).encode(), "application/json")
        self._insist("/risk/v1/policies", json.dumps({"text": _POLICY}).encode(), "application/json")
        for number, step in enumerate(steps):
            timer, lives = None, self._lives
            if number in kill_at:
                killing = partial(self._process.send_signal, signal.SIGKILL)
                timer = threading.Timer(self._dice.random() * _WITHIN_S, killing)
                timer.start()
            if isinstance(step, bytes):
                self._insist("/intake/v1/facts", step, "application/x-ndjson")
            else:
                self._insist(f"/intake/v1/books/{BOOK}/closes", json.dumps(step).encode(), "application/json")
            if timer is not None:
                timer.join()
                self.kills += 1
                if lives == self._lives:
                    self._revive()

    def _insist(self, path: str, body: bytes, kind: str) -> None:
        while True:
            try:
                answer = self._system.request("POST", path, content=body, headers={"Content-Type": kind})
            except httpx.TimeoutException:
                continue  # Slow, not dead: what was sent is repeated.
            except httpx.TransportError:
                self._revive()
                continue
            assert answer.status_code in (200, 201), f"{path}: {answer.status_code} {answer.text[:500]}"
            if kind == "application/x-ndjson":
                told = answer.json()
                assert told["accepted"] + told["repeated"] == len(told["items"]), answer.text[:500]
            return

    def _revive(self) -> None:
        """Start again, once it has ended."""
        eventually(lambda: not self._process.running)
        self._lives += 1
        self._process.start()


def run(folder: Path, facts: int, kills: int, seed: int) -> Ending:
    """Tell the stream to a fresh system on the files of a folder, killing it so many times; return how that ends."""
    steps = list(steps_of(facts, seed))
    dice = random.Random(seed + 1)
    kill_at = set(dice.sample(range(1, len(steps)), kills)) if kills else set()
    folder.mkdir()
    began = monotonic()
    with embedded_system(folder) as system:
        killer = Killer(system, dice)
        killer.tell(steps, kill_at)
        assert killer.kills == kills
        system.settle(BOOK, _SETTLE_S)
        took_s = monotonic() - began
        told = _ending(system)
    with closing(sqlite3.connect(folder / "data" / "risk.db")) as database:
        [(count, distinct)] = database.execute("SELECT count(*), count(DISTINCT event_id) FROM ledger").fetchall()
    text = json.dumps(told, sort_keys=True).encode()
    return Ending(hashlib.sha256(text).hexdigest(), told, count, distinct, took_s)


def _ending(system: System) -> dict[str, Any]:
    """Return every final value of every indicator and segment, and all standing alerts with their course (D14)."""
    told: dict[str, Any] = {}
    segments = ["portfolio", *(f"region={region}" for region in _REGIONS)]
    indicators = [(one["name"], basis) for one in _all(system, "/risk/v1/indicators") for basis in one["bases"]]
    for (name, basis), segment in product(indicators, segments):
        series = system.get(f"/risk/v1/indicators/{name}/series", book=BOOK, segment=segment, basis=basis)["series"]
        points = [one for one in series if one["final"]]
        told[f"{name} {basis} {segment}"] = [(one["period"], one["numerator"], one["denominator"]) for one in points]
    told["alerts"] = sorted(
        (one["indicator"], one["segment"], one["opened_period"], one["latest_period"], one["level"], one["state"])
        for one in _all(system, "/risk/v1/alerts", book=BOOK)
        if one["state"] != "withdrawn"
    )
    return told


def _all(system: System, path: str, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the items of all pages."""
    page = system.get(path, **query)
    yield from page["items"]
    while page["next"] is not None:
        page = system.get(path, **query, cursor=page["next"])
        yield from page["items"]


def main() -> int:
    """SIGKILL at random moments, compared with a calm run."""
    parser = argparse.ArgumentParser(
        prog="make kills", description="SIGKILL at random moments, compared with a calm run."
    )
    parser.add_argument("--facts", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-kills-"))
    calm = run(folder / "calm", asked.facts, 0, asked.seed)
    print(f"undisturbed: {calm.facts} facts in {calm.took_s:.1f} s, hash {calm.hash}", flush=True)
    killed = run(folder / "killed", asked.facts, asked.kills, asked.seed)
    print(f"{asked.kills} kills: {killed.facts} facts in {killed.took_s:.1f} s, hash {killed.hash}", flush=True)
    same = killed.hash == calm.hash and killed.facts == killed.distinct == calm.facts
    if same:
        shutil.rmtree(folder)
        print(f"SAME: {len(calm.told) - 1} series and {len(calm.told['alerts'])} alerts, seed {asked.seed}")
        return 0
    differing = sorted(what for what in calm.told if killed.told.get(what) != calm.told[what])
    print(f"DIFFERENT: {', '.join(differing) or 'the ledgers'}; seed {asked.seed}, files in {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
