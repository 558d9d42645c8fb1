"""What acceptance tests share: one run of the demo, its system left running."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.served import Front

DEADLINE_S = 280.0


class Demo(NamedTuple):
    """One run of the demo: the system that it left running, what it said, its report."""

    front: Front
    out: str
    report: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run `tocsin demo --keep` once for all; end its system, which must go on SIGTERM, at the end."""
    folder = tmp_path_factory.mktemp("demo")
    report = folder / "report.html"
    command = [
        sys.executable,
        "-m",
        "tocsin",
        "demo",
        "--keep",
        "--data",
        str(folder / "data"),
        "--report",
        str(report),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    found = re.search(r"process (\d+)", done.stdout)
    assert found is not None
    pid = int(found[1])
    try:
        yield Demo(Front(folder / "data"), done.stdout, report)
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in state_of(pid):
        assert time.monotonic() < deadline, f"process {pid} does not end on SIGTERM"
        time.sleep(0.05)


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
