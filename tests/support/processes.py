"""Systems as processes: `tocsin serve` on files, or services on PostgreSQL and Kafka; killed, asked over HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 10.0
_HTTP = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
"""Made once, which takes longer than many requests; each has a connection of its own, as processes come and go."""


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(what: Callable[[], Any], within_s: float = 60.0, describe: Callable[[], str] = lambda: "") -> Any:
    """Ask again until the answer is true; AssertionError with a description when it never is."""
    deadline = time.monotonic() + within_s
    while True:
        if answer := what():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {describe()}")
        time.sleep(0.02)


class Process:
    """One process of the system, by its own pid."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        port: int,
        output: Path,
        python: str = sys.executable,
    ) -> None:
        self._command, self.environment = [python, "-m", *command], dict(environment)
        self.port, self._output = port, output
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{port}"

    def start(self, wait: bool = True, **more: str) -> None:
        """Start, and unless told otherwise wait until it is ready."""
        environment = {**os.environ, **self.environment, **more}
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(self._command, env=environment, cwd=ROOT, stdout=output, stderr=output)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        eventually(self.ready, START_TIMEOUT_S, self.output)

    def answers(self) -> bool:
        """Tell whether `/healthz` does."""
        with contextlib.suppress(httpx.TransportError):
            return _HTTP.get(f"{self.url}/healthz", timeout=5).status_code == 200
        return False

    def ready(self) -> bool:
        """Tell whether `/readyz` says so."""
        assert self._process is not None
        assert self._process.poll() is None, f"ended with {self._process.returncode}: {self.output()}"
        with contextlib.suppress(httpx.TransportError):
            return _HTTP.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def output(self) -> str:
        """Return the end of what it wrote."""
        return self._output.read_text(errors="replace")[-4000:] if self._output.exists() else ""

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait for its end; return its status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it as a power failure would."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """End it as an operator would; harmless when it has ended."""
        if self.running:
            self.send_signal(signal.SIGTERM)
            self.wait()


class System:
    """What a test or a person talks to: every service by HTTP with one key, and the processes behind."""

    def __init__(self, processes: dict[str, Process], urls: dict[str, str], key: Callable[[], str]) -> None:
        self.processes, self._urls, self._key = processes, urls, key

    def url_of(self, path: str) -> str:
        return self._urls[path.split("/")[1]]

    @property
    def address(self) -> str:
        """Return what TOCSIN_URL must be to reach all of it."""
        if len(set(self._urls.values())) == 1:
            return self._urls["intake"]
        return ",".join(f"{service}={url}" for service, url in self._urls.items())

    @property
    def key(self) -> str:
        return self._key()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return _HTTP.request(method, self.url_of(path) + path, headers=headers, timeout=30, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.request("GET", path, params=params)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **options)

    def send_facts(self, facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send CloudEvents as NDJSON; return the answers per item."""
        lines = "\n".join(json.dumps(fact) for fact in facts)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self.request("POST", "/intake/v1/facts", content=lines.encode(), headers=headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def settle(self, book: str, within_s: float = 120.0) -> None:
        """Wait until everything that intake accepted is folded and evaluated."""

        def settled() -> bool:
            unsent = self.get("/intake/v1/progress")["unsent"]
            answer = self.request("GET", "/risk/v1/progress", params={"book": book})
            if answer.status_code == 404:
                return False  # The book has not come to risk yet.
            progress = answer.json()
            closed = self.get(f"/intake/v1/books/{book}")["closed_through"]
            return bool(not unsent and progress["behind"] == 0 and progress["evaluated_through"] == closed)

        eventually(settled, within_s, lambda: self.request("GET", "/risk/v1/progress", params={"book": book}).text)

    def stop(self) -> None:
        for process in self.processes.values():
            process.stop()


@contextlib.contextmanager
def embedded_system(
    folder: Path, settings: Mapping[str, str] | None = None, start: bool = True, module: str = "tocsin.cli"
) -> Iterator[System]:
    """Run `tocsin serve` on files in a folder, started unless told otherwise; `settings` go into its environment.

    `module` is what is run as the command line.
    """
    port = free_port()
    command = [module, "serve", "--data", str(folder / "data"), "--port", str(port)]
    process = Process(command, settings or {}, port, folder / "serve.log")
    if start:
        process.start()
    profile = folder / "data" / "profile.json"
    urls = dict.fromkeys(("intake", "risk", "notify", "feedback"), process.url)
    system = System({"tocsin": process}, urls, lambda: str(json.loads(profile.read_text())["key"]))
    try:
        yield system
    finally:
        system.stop()
