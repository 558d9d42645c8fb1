"""Killed at every named place, in every service that passes it: started again, the system ends as if undisturbed.

One system on files for each service lives through its places one after the other: a life is armed with the next place,
the story of rounds goes on until the process ends there, and the same round is told again to the next life.
"""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from shared.crashpoint import EXIT_STATUS, POINTS
from shared.log.port import Outgoing
from shared.log.sqlite import open_sqlite_log
from tests.acceptance.test_crashed_starts import ON_FILES
from tests.support import rounds
from tests.support.processes import Process, System, embedded_system
from tocsin.demo.sinks import HookSink, MailSink, listening
from tocsin.system import SERVICES

EVERYWHERE = (
    "consume.after_fetch",
    "consume.before_commit",
    "consume.after_commit",
    "relay.after_send",
    "relay.after_forget",
)
BURYING = ("consume.before_bury", "consume.after_bury")
"""Not in intake: what it cannot digest waits in its quarantine."""
OWN = {
    "intake": ("intake.before_commit", "intake.after_commit"),
    "risk": (
        "request.before_commit",
        "request.after_commit",
        "refold.begun",
        "refold.done",
        "evaluate.after_close",
        "evaluate.before_marks",
        "evaluate.after_commit",
    ),
    "notify": (
        "request.before_commit",
        "request.after_commit",
        "compose.before_commit",
        "compose.after_commit",
        "notify.before_send",
        "notify.after_send",
        "notify.after_record",
    ),
    "feedback": ("request.before_commit", "request.after_commit", "invite.before_commit", "invite.after_commit"),
}
CONSUMED = {"risk": "tocsin.intake", "notify": "tocsin.risk", "feedback": "tocsin.intake"}
TELLINGS_MAX = 3
RANDOM_KILLS = 4


class Lives:
    """One system, life after life, and those who hear its messages."""

    def __init__(self, folder: Path, system: System, mails: MailSink, hooks: HookSink) -> None:
        self.folder, self.system, self.mails, self.hooks = folder, system, mails, hooks
        self.process: Process = system.processes["tocsin"]
        self.round = 0
        self.strangers = 0

    def tell(self) -> None:
        """Tell the next round; a round that a crash cuts off is told again by the next call."""
        if self.round == 0:
            rounds.begin(self.system)
        rounds.tell(self.system, self.round)
        self.round += 1

    def end_at(self, point: str) -> None:
        """Live until the process ends at a place; AssertionError when it never comes there."""
        self.process.start(wait=False, TOCSIN_CRASH_AT=point)
        try:
            self.process.wait_ready()
            for _ in range(TELLINGS_MAX):
                self.tell()
        except httpx.TransportError:
            pass
        except AssertionError:
            if self.process.running:
                raise
        try:
            assert self.process.wait(5) == EXIT_STATUS, f"{point}: {self.process.output()}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"{point} was never reached")

    def ending(self) -> str:
        """Tell what is left of the story to a last life; return its end, the process stopped."""
        self.process.start()
        while self.round < rounds.ROUNDS:
            self.tell()
        ending = rounds.ending(self.system, self.hooks)
        assert rounds.doubts(self.system, self.mails) == []
        self.system.stop()
        return ending

    def put_on_log(self, topic: str, headers: tuple[tuple[str, bytes], ...], value: bytes) -> None:
        """Write onto the log as a stranger would; the process does not run."""

        async def put() -> None:
            log = open_sqlite_log(self.folder / "data" / "log.db")
            await log.append([Outgoing(topic, 0, b"", headers, value)], 5.0)
            await log.close()

        asyncio.run(put())

    def strange_fact(self) -> None:
        """Let another producer put the next of its facts onto the log."""
        self.strangers += 1
        headers = (("content-type", b"application/cloudevents+json"),)
        self.put_on_log("tocsin.facts", headers, json.dumps(rounds.foreign_fact(self.strangers)).encode())

    def poison(self, service: str) -> None:
        """Put a record onto the log that a service cannot digest."""
        kind = {"risk": b"tocsin.repayment.received.v1", "notify": b"tocsin.alert.revised.v1"}
        headers = (("ce_specversion", b"1.0"), ("ce_type", kind.get(service, b"tocsin.book.day_closed.v1")))
        self.put_on_log(CONSUMED[service], headers, b"no JSON")

    def ledgers(self) -> dict[str, list[str]]:
        """Return the event ids of the facts in the ledgers of intake and risk, each as often as it is there."""
        facts = "SELECT event_id FROM ledger WHERE type NOT LIKE 'tocsin.survey.%' ORDER BY event_id"
        return {service: self.texts(service, facts) for service in ("intake", "risk")}

    def texts(self, service: str, query: str) -> list[str]:
        """Return the one column of a query in a service's file."""
        with closing(sqlite3.connect(self.folder / "data" / f"{service}.db")) as database:
            return [text for (text,) in database.execute(query).fetchall()]


@contextmanager
def living(folder: Path) -> Iterator[Lives]:
    mails, hooks = MailSink(), HookSink()
    folder.mkdir(exist_ok=True)
    with (
        listening(mails, hooks),
        embedded_system(folder, rounds.settings_of(folder, mails, hooks), start=False) as system,
    ):
        yield Lives(folder, system, mails, hooks)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    with living(tmp_path_factory.mktemp("undisturbed")) as lives:
        return lives.ending()


def test_every_place_is_killed_at() -> None:
    own = {point for points in OWN.values() for point in points}
    at_start = {point.partition("@")[0] for point, _ in ON_FILES}
    assert {*EVERYWHERE, *BURYING, *own, *at_start} == POINTS


def test_the_story_has_something_for_every_service(undisturbed: str) -> None:
    told = json.loads(undisturbed)
    assert len(told["alerts"]) == rounds.ROUNDS // 2
    assert len(told["desk"]) == rounds.ROUNDS - 1
    assert [state for _, _, state in told["surveys"]].count("invited") == rounds.ROUNDS
    assert {decision for _, decision in told["verdicts"]} == {"accepted"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_crash_at_any_place_changes_nothing(tmp_path: Path, undisturbed: str, service: str) -> None:
    dice = random.Random(service)
    with living(tmp_path) as lives:
        lives.process.start()
        lives.tell()
        lives.process.kill()
        for point in (*OWN[service], *EVERYWHERE, *(() if service == "intake" else BURYING)):
            if service == "intake" and point.startswith("consume."):
                lives.strange_fact()
            if point in BURYING:
                lives.poison(service)
            passes = dice.randint(1, 2) if point in OWN[service] else 1
            lives.end_at(f"{point}@{service}:{passes}")
        assert lives.ending() == undisturbed
        ledgers = lives.ledgers()
        assert ledgers["intake"] == ledgers["risk"]
        assert len(set(ledgers["intake"])) == len(ledgers["intake"])
        if service in CONSUMED:
            assert len(lives.texts(service, "SELECT error FROM dead_letter")) == len(BURYING)


def test_sigterm_drains_in_under_ten_seconds_and_work_goes_on_where_it_was(tmp_path: Path, undisturbed: str) -> None:
    with living(tmp_path) as lives:
        for _ in range(2):
            lives.process.start()
            lives.tell()
            lives.system.send_facts([rounds.foreign_fact(lives.round)])
            lives.process.send_signal(signal.SIGTERM)
            assert lives.process.wait(10) == 0
        assert lives.ending() == undisturbed


def test_killed_at_random_moments_of_the_story(tmp_path: Path, undisturbed: str) -> None:
    dice = random.Random(5)
    with living(tmp_path) as lives:
        lives.process.start()
        lives.tell()
        for _ in range(RANDOM_KILLS):
            killing = threading.Timer(dice.random() * 0.5, lives.process.send_signal, (signal.SIGKILL,))
            killing.start()
            with suppress(httpx.TransportError):
                while True:
                    lives.tell()
            killing.join()
            assert lives.process.wait() == -signal.SIGKILL
            lives.process.start()
        lives.process.kill()
        assert lives.ending() == undisturbed
