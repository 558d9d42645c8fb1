"""The demo's own system: `tocsin serve` as a child process in a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tocsin.client import Address, Client, NoSystem, Refused, find_system

START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 12.0
_POLL_S = 0.05
LOG = "serve.log"


class ServedSystem:
    """A running `tocsin serve`."""

    def __init__(self, data: Path, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Start it; `port` None takes one that is free, `settings` are added to the environment."""
        self.data = data
        self.port = port or free_port()
        data.mkdir(parents=True, exist_ok=True)
        self._log = (data / LOG).open("ab")
        command = [sys.executable, "-m", "tocsin", "serve", "--data", str(data), "--port", str(self.port)]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--log-level", "WARNING"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            env={**os.environ, **(settings or {}), "PYTHONUNBUFFERED": "1"},
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_until_ready(self) -> Address:
        """Return the address once `/readyz` says yes; NoSystem, with the end of the log, when it does not."""
        deadline = time.monotonic() + START_PATIENCE_S
        url = f"http://127.0.0.1:{self.port}"
        while True:
            if self._process.poll() is not None:
                raise NoSystem(f"tocsin serve ended with code {self._process.returncode}:\n{self.last_lines()}")
            try:
                with Client(Address(url, ""), patience_s=0.0) as client:
                    client.get("/readyz")
                return find_system(url, None, self.data)
            except (NoSystem, Refused) as error:
                if time.monotonic() > deadline:
                    raise NoSystem(f"tocsin serve is not ready: {error}\n{self.last_lines()}") from error
            time.sleep(_POLL_S)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code; SIGKILL when it does not end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()
        return self._process.returncode

    def kill(self) -> None:
        """End it at once, without a word to it."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def last_lines(self) -> str:
        """Return the end of its log."""
        return "\n".join((self.data / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
