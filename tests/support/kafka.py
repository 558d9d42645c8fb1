"""Real Apache Kafka for tests: one broker per session from its own jars, and brokers of one's own for faults.

In order: `TOCSIN_TEST_KAFKA` (host:port of a broker that runs already), else Kafka's jars through Maven on a Java 17+
found on the machine; without those the tests fail under `CI=true` and are skipped with the reason elsewhere.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic

import pytest

from shared.kernel.ids import new_id

_PROJECT = Path(__file__).parents[2]
_SCRIPT = _PROJECT / "deploy" / "kafka" / "run-kafka"
_JARS = _PROJECT / ".cache" / "kafka-4.3.1"
_FETCH_TIMEOUT_S = 240.0
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_JAVA_VERSION_MIN = 17


class KafkaServer:
    """One broker in a folder, on a loopback port that stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._controller_port = _free_port(), _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = ""
        self.bootstrap = f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker does not run"
        return self._process.pid

    def listen_also(self, ways: Mapping[str, tuple[int, int]]) -> None:
        """From the next start on listen on more ports: name (capitals) -> (port, port that clients are told).

        A client that begins on such a port is sent to the port that it is told for everything, such as a proxy's.
        """
        controller = f"CONTROLLER://127.0.0.1:{self._controller_port}"
        listened = {"PLAINTEXT": self._port, **{name: port for name, (port, _) in ways.items()}}
        told = {"PLAINTEXT": self._port, **{name: port for name, (_, port) in ways.items()}}
        protocols = [f"{name}:PLAINTEXT" for name in (*listened, "CONTROLLER")]
        self._settings = "\n".join(
            (
                f"listeners={','.join([*_addresses(listened), controller])}",
                f"advertised.listeners={','.join(_addresses(told))}",
                f"listener.security.protocol.map={','.join(protocols)}",
                "num.network.threads=1",
            )
        )

    def start(self) -> None:
        """Start and wait until the broker accepts connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(
                [_SCRIPT, self._folder, str(self._port), str(self._controller_port)],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "KAFKA_SETTINGS": self._settings},
            )
        deadline = monotonic() + _START_TIMEOUT_S
        while not _accepts(self._port):
            # Between two looks, wait for the one thing that would end the waiting: its exit.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
            if self._process.poll() is not None or monotonic() > deadline:
                self.stop(kill=True)
                raise RuntimeError(f"Kafka did not start: {(self._folder / 'broker.log').read_text()[-2000:]}")

    def stop(self, *, kill: bool = False) -> None:
        """End the broker in order, or by SIGKILL; nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_TIMEOUT_S)

    def restart(self, *, kill: bool = False) -> None:
        self.stop(kill=kill)
        self.start()

    def freeze(self) -> None:
        """Stand still, with all connections open (SIGSTOP), until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The `host:port` of a real broker that all tests of a session share; do not stop it."""
    if given := os.environ.get("TOCSIN_TEST_KAFKA"):
        yield given
        return
    require_kafka()
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    server.start()
    try:
        yield server.bootstrap
    finally:
        server.stop()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    """A running broker of one's own, to be stopped, killed, frozen and started again."""
    require_kafka()
    server = KafkaServer(tmp_path / "kafka")
    server.start()
    try:
        yield server
    finally:
        server.stop(kill=True)


def fresh_topic(prefix: str) -> str:
    """Return a topic name that no other test uses."""
    return f"{prefix}-{new_id()}"


def require_kafka() -> None:
    """Bring the jars; without Java or them fail in CI, skip elsewhere."""
    problem = _java_problem()
    if problem is None and not _JARS.is_dir():
        if shutil.which("mvn") is None:
            problem = "no Maven found"
        else:
            fetch = subprocess.run(
                [_SCRIPT, "--fetch"], capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False
            )
            problem = f"Kafka's jars could not be fetched: {fetch.stderr[-300:]}" if fetch.returncode else None
    if problem is None:
        return
    text = f"no real Kafka: {problem} (Debian: apt-get install openjdk-17-jre-headless maven, or set TOCSIN_TEST_KAFKA)"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


def _java_problem() -> str | None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java")
    if java is None:
        return "no Java found"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _JAVA_VERSION_MIN:
        return f"Java {_JAVA_VERSION_MIN} or later is needed, found: {said.splitlines()[:1]}"
    return None


def _addresses(ports: Mapping[str, int]) -> list[str]:
    return [f"{name}://127.0.0.1:{port}" for name, port in ports.items()]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _accepts(port: int) -> bool:
    """Tell whether someone listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
