"""B5: facts per second and core that intake takes as HTTP NDJSON, durably, beside bare FastAPI writing the same rows.

Both servers get the same bodies in turns of one body each, so that whatever else the machine does meets both.
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks import synthetic
from benchmarks.measure import Measured
from benchmarks.processor import cpu_s
from tests.support.processes import eventually, free_port

LOANS, MONTHS = 2_000, 12


class _Server:
    """One of the two servers, what it took and what that cost."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, port = kind, free_port()
        self._folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.intake_servers", kind, str(folder), str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.facts, self.cpu_s, self.wall_s = 0, 0.0, 0.0
        eventually(lambda: _listens(port), 40)
        key = folder / "key"
        headers = {"Content-Type": "application/x-ndjson"}
        if kind == "intake":
            headers["Authorization"] = f"Bearer {key.read_text()}"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}/intake/v1", headers=headers, timeout=60)

    def send(self, body: bytes, timed: bool) -> None:
        """Send one body, and count it if it is timed."""
        spent_s, began = cpu_s(self.process.pid), time.perf_counter()
        facts = synthetic.send(self.client, body)
        if timed:
            self.facts += facts
            self.wall_s += time.perf_counter() - began
            self.cpu_s += cpu_s(self.process.pid) - spent_s

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.process.terminate()
        self.process.wait(10)


def measure(size: int | None, _rounds: int | None) -> list[Measured]:
    """Run once, with `size` loans; return facts per second of processor as a share of the bare server's."""
    loans = size or LOANS
    beginnings = list(synthetic.requests_of(synthetic.clients_and_loans(loans)))
    bodies = [body for month in range(MONTHS) for body in synthetic.requests_of(synthetic.repayments(loans, month))]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ending:
        servers = [_Server(kind, Path(folder)) for kind in ("intake", "bare")]
        for server in servers:
            ending.callback(server.stop)
        opened = servers[0].client.post(
            "/books", json=synthetic.open_book(branches=False), headers={"Content-Type": "application/json"}
        )
        assert opened.status_code == 201, opened.text
        for body, timed in [*((body, False) for body in beginnings), *((body, True) for body in bodies)]:
            for server in servers:
                server.send(body, timed)
    ours, bare = (server.facts / server.cpu_s for server in servers)
    return [
        Measured(
            id="B5_ndjson_intake",
            what="HTTP NDJSON intake, facts/s and core, of bare FastAPI writing the same rows",
            figure=round(ours / bare, 3),
            unit="ratio",
            must=0.6,
            aim=0.9,
            more_is_better=True,
            beside={
                f"{server.kind}, {what} us/fact": spent_s / server.facts * 1e6
                for server in servers
                for what, spent_s in (("processor", server.cpu_s), ("wall", server.wall_s))
            },
        )
    ]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
