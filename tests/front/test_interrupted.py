"""A replay that is killed, and a system that is killed under it: nothing is lost and nothing counts twice."""

import csv
import gzip
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.front.tapes import AUTO
from tests.support import recompute
from tests.support.served import Served, serving

DEADLINE_S = 90.0
STATES = ("TX", "FL")


@pytest.fixture(scope="module")
def part_of_tape(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The loans of two states with all their payments."""
    folder = tmp_path_factory.mktemp("tape")
    loans = list(csv.DictReader(io.StringIO(gzip.decompress(AUTO[0].read_bytes()).decode())))
    kept = [loan for loan in loans if loan["state"] in STATES]
    ids = {loan["loan_id"] for loan in kept}
    payments = csv.DictReader(io.StringIO(gzip.decompress(AUTO[1].read_bytes()).decode()))
    return [
        write(folder / "loans.csv", kept),
        write(folder / "payments.csv", [row for row in payments if row["loan_id"] in ids]),
    ]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data") as one:
        yield one


def begin_replay(system: Served, files: list[Path], rejects: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tocsin", "replay", "--profile", "auto_abs", *(str(path) for path in files)]
    environment = {**os.environ, "TOCSIN_DATA": str(system.data)}
    return subprocess.Popen(
        [*command, "--rejects", str(rejects)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_until_closed(system: Served, day: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the replay has closed the book through a day at least; it must still be running then."""
    deadline = time.monotonic() + DEADLINE_S
    with system.client() as client:
        while True:
            book = client.find("/intake/v1/books/auto")
            if book is not None and (book["closed_through"] or "") >= day:
                assert process.poll() is None, "the replay ended too early to be interrupted"
                return
            assert time.monotonic() < deadline, book
            time.sleep(0.005)


def test_kills_on_both_sides_change_nothing(system: Served, part_of_tape: list[Path], tmp_path: Path) -> None:
    rejects = tmp_path / "r.csv"
    first = begin_replay(system, part_of_tape, rejects)
    wait_until_closed(system, "2017-12-31", first)
    first.kill()
    first.wait()

    second = begin_replay(system, part_of_tape, rejects)
    wait_until_closed(system, "2018-12-31", second)
    system.kill()
    system.start_again()
    assert second.wait(DEADLINE_S) == 0

    rows = recompute.auto_rows(*part_of_tape)
    for indicator, basis, wanted in (
        ("missed_payment_rate", "count", recompute.missed_payment_rate(rows)),
        ("default_rate", "count", recompute.default_rate(rows)),
        ("par30", "exposure", recompute.par(rows, 30)),
    ):
        asked = ("indicators", indicator, "--book", "auto", "--basis", basis, "--json")
        series = system.run(*asked).json()["series"]
        found = {one["period"]: (one["numerator"], one["denominator"]) for one in series if one["final"]}
        assert {period: parts for period, parts in found.items() if parts[1]} == wanted, indicator

    again = system.run("replay", "--profile", "auto_abs", *part_of_tape, "--rejects", rejects, "--json").json()
    assert (again["outcomes"], again["closes"], again["skipped"]) == ({}, 0, again["facts"])
