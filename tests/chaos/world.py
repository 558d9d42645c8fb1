"""The system with everything around it that can be disturbed: processes, ways between them, clocks, sinks."""

import asyncio
import contextlib
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from shared.db.postgres import PostgresDatabase
from shared.db.sqlite import SqliteDatabase
from shared.log.port import Partition, Record
from tests.chaos.book import BOOK
from tests.chaos.history import History
from tests.chaos.load import Foreign
from tests.chaos.proxy import Proxy
from tests.support.processes import Process, free_port
from tocsin.demo.sinks import HookSink, MailSink, listening

SERVICES = ("intake", "risk", "notify", "feedback")
SINKS = ("notify>mail", "notify>receiver")
START_TIMEOUT_S, STOP_TIMEOUT_S = 120.0, 30.0
"""Generous: machines are busy, and nothing is judged by its speed."""
_LOOK_S = 0.2
_CLOCKS = sorted(str(found) for found in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
_SHARED = Path("/dev/shm")
AnyDatabase = SqliteDatabase | PostgresDatabase


class World(ABC):
    """A running system. What differs between files and servers is abstract; a place is a process, a proxy, a server."""

    partitions: int

    def __init__(self, folder: Path, history: History) -> None:
        self.folder, self.history = folder, history
        self.processes: dict[str, Process] = {}
        self.proxies: dict[str, Proxy] = {}
        self.foreign: Foreign | None = None
        self.mails, self.hooks = MailSink(), HookSink()
        self.strange: list[str] = []
        """What no fault explains: a process that ends by itself, or not when it is asked to."""
        self._hands: dict[str, asyncio.Lock] = {}
        self._wanted: set[str] = set()

    @abstractmethod
    def url_of(self, service: str) -> str:
        """Return the address under which clients reach a service."""

    @abstractmethod
    def key(self) -> str:
        """Return a key with all rights."""

    @abstractmethod
    async def rows(self, service: str, sql: str) -> Sequence[tuple[Any, ...]]:
        """Ask a service's database of the running system."""

    @abstractmethod
    async def ends(self) -> dict[Partition, int]:
        """Return where the partitions of all topics end."""

    @abstractmethod
    async def foreign_records(self) -> list[Record]:
        """Return everything on `tocsin.facts`."""

    @abstractmethod
    def open(self, service: str) -> AnyDatabase:
        """Open a database of the system, which has been stopped."""

    @abstractmethod
    async def start(self) -> None:
        """Start everything and wait until it is ready."""

    @abstractmethod
    async def heal_servers(self) -> None:
        """End what was done to servers and disks."""

    @abstractmethod
    async def close(self) -> None:
        """Stop and remove everything."""

    async def way(self, name: str, port: int) -> int:
        """Put a proxy before a port; return where it listens."""
        proxy = self.proxies[name] = Proxy(name, port)
        await proxy.start()
        return proxy.port

    @contextlib.asynccontextmanager
    async def sinks(self) -> AsyncIterator[dict[str, str]]:
        """Listen as a mail server and as a receiver of webhooks, each behind a proxy; yield notify's settings."""
        with listening(self.mails, self.hooks):
            address, _, path = self.hooks.url.removeprefix("http://").partition("/")
            hook_port = await self.way("notify>receiver", int(address.rpartition(":")[2]))
            mail_port = await self.way("notify>mail", self.mails.port)
            people = self.folder / "people.yaml"
            people.write_text(yaml.safe_dump(_people(f"http://127.0.0.1:{hook_port}/{path}", self.hooks.secret)))
            yield {
                "TOCSIN_PEOPLE_FILE": str(people),
                "TOCSIN_SMTP_HOST": "127.0.0.1",
                "TOCSIN_SMTP_PORT": str(mail_port),
                "TOCSIN_SMTP_TLS": "none",
                "TOCSIN_WEBHOOK_ALLOW": "127.0.0.1",
                "TOCSIN_GROUP_WINDOW_S": "0.5",
                "TOCSIN_SEND_TIMEOUT_S": "3",
                "TOCSIN_SEND_ATTEMPTS": "100",
                "TOCSIN_RETRY_FIRST_S": "0.5",
                "TOCSIN_RETRY_MOST_S": "2",
            }

    def add_process(self, name: str, command: list[str], environment: dict[str, str], port: int) -> Process:
        """Define a process, with a clock that can jump where the library for it is installed."""
        clock = self.folder / f"{name}.clock"
        clock.write_text("+0\n")
        faked = {
            "LD_PRELOAD": _CLOCKS[0],
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        environment = {**environment, **(faked if self.has_clocks else {})}
        process = Process(command, environment, port, self.folder / f"{name}.log")
        self.processes[name], self._hands[name] = process, asyncio.Lock()
        return process

    @property
    def has_clocks(self) -> bool:
        """Tell whether clocks can jump here."""
        return bool(_CLOCKS)

    def set_clock(self, name: str, offset_s: int) -> None:
        """Let the wall clock of a process jump to so far from the true one; within a second."""
        (self.folder / f"{name}.clock").write_text(f"{offset_s:+d}\n")

    def hand(self, name: str) -> asyncio.Lock:
        """Return the lock of whoever does something to a process."""
        return self._hands[name]

    async def run(self, name: str) -> None:
        """Start a process, and keep it running from now on."""
        self._wanted.add(name)
        await asyncio.to_thread(self.processes[name].start, False)

    async def end(self, name: str, how: signal.Signals) -> None:
        """End a process by SIGTERM or SIGKILL; by SIGTERM it has to end by itself, in order."""
        self._wanted.discard(name)
        process = self.processes[name]
        if not process.running:
            return
        # Before it serves it has not yet taken the handling of signals over, and has nothing to bring to an end.
        serves = how is signal.SIGTERM and await asyncio.to_thread(process.answers)
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        try:
            status = await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.strange.append(f"{name} did not end within {STOP_TIMEOUT_S} s")
            await asyncio.to_thread(process.kill)
            status = 0
        _forget_clock(process.pid)
        if serves and status != 0:
            self.strange.append(f"{name} ended with {status} on SIGTERM")

    async def supervise(self) -> None:
        """Start what ended by itself again, as an orchestrator does, and remember that it did."""
        while True:
            for name in sorted(self._wanted):
                process = self.processes[name]
                if not self.hand(name).locked() and not process.running:
                    self.strange.append(f"{name} ended by itself: {process.output()[-500:]}")
                    self.history.note(f"{name} ended by itself")
                    await self.run(name)
            await asyncio.sleep(_LOOK_S)

    async def wait_ready(self) -> None:
        """Wait until all that should run is ready."""
        for name in sorted(self._wanted):
            process = self.processes[name]
            await until(partial(_is_ready, process), START_TIMEOUT_S, process.output)

    async def wait_answers(self, name: str) -> None:
        """Wait until a process serves, ready or not, or has ended."""
        process = self.processes[name]
        await until(lambda: not process.running or process.answers(), START_TIMEOUT_S, process.output)

    async def heal(self) -> None:
        """End all faults; what should run runs afterwards."""
        for proxy in self.proxies.values():
            proxy.change(proxy.weather.CLEAR)
        for name in self.processes:
            self.set_clock(name, 0)
        await self.heal_servers()
        for name in sorted(self._wanted):
            async with self.hand(name):
                self.processes[name].send_signal(signal.SIGCONT)

    async def end_all_now(self) -> None:
        """End whatever process still runs, and all proxies."""
        for process in self.processes.values():
            if process.running:
                await asyncio.to_thread(process.kill)
                _forget_clock(process.pid)
        for proxy in self.proxies.values():
            await proxy.close()

    async def stop_processes(self) -> None:
        """End all processes in order."""
        for name in self.processes:
            await self.end(name, signal.SIGTERM)


async def until(what: Callable[[], Any], within_s: float, describe: Callable[[], str]) -> Any:
    """Ask again, in a thread, until the answer is true; AssertionError when it never is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not (answer := await asyncio.to_thread(what)):
        assert loop.time() < deadline, f"not within {within_s} s: {describe()}"
        await asyncio.sleep(_LOOK_S)
    return answer


def _forget_clock(pid: int) -> None:
    """Remove what libfaketime leaves of a process that was killed."""
    for left in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (_SHARED / left).unlink(missing_ok=True)


def _is_ready(process: Process) -> bool:
    return process.running and process.ready()


def new_port() -> int:
    """Return a port that nobody listens on."""
    return free_port()


def _people(hook_url: str, secret: str) -> dict[str, Any]:
    match = {"books": [BOOK]}
    return {
        "people": {"olga": {"name": "Olga", "language": "en", "email": "olga@bank.example"}},
        "endpoints": {"desk": {"url": hook_url, "secrets": [secret]}},
        "routes": {
            "mail": {"order": 10, "match": match, "people": ["olga"], "channels": ["email", "inbox"]},
            "desk": {"order": 20, "match": match, "endpoints": ["desk"]},
        },
    }
