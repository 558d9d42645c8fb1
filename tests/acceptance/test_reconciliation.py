"""Completeness (R12) from outside, on files and on real servers: planted gaps are named, and else there is none."""

import asyncio
import contextlib
import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support import small_book
from tests.support.distributed import distributed_system
from tests.support.kafka import KafkaServer
from tests.support.processes import ROOT, System, embedded_system, eventually

BOOK = small_book.BOOK
SETTINGS = {"TOCSIN_ANSWER_OVERDUE_S": "1"}
_LOSES = {
    "sqlite": """CREATE TRIGGER loses BEFORE INSERT ON outbox WHEN NEW.topic = '{topic}' AND instr(NEW.value, '{text}')
        BEGIN SELECT RAISE(IGNORE); END""",
    "postgresql": """CREATE FUNCTION nothing() RETURNS trigger AS 'BEGIN RETURN NULL; END' LANGUAGE plpgsql;
        CREATE TRIGGER loses BEFORE INSERT ON outbox FOR EACH ROW
        WHEN (NEW.topic = '{topic}' AND position('{text}'::bytea in NEW.value) > 0) EXECUTE FUNCTION nothing()""",
}
_KEEPS = {
    "sqlite": "DROP TRIGGER loses",
    "postgresql": "DROP TRIGGER loses ON outbox; DROP FUNCTION nothing()",
}


class Whole:
    """A system, its databases, and the command line against it."""

    def __init__(self, system: System, folder: Path | None) -> None:
        """`folder` has the databases of an embedded system."""
        self.system, self._folder = system, folder

    def reconcile(self) -> tuple[int, dict[str, Any]]:
        """Run `tocsin reconcile`; return its exit code and what it says of the book."""
        environment = {**os.environ, "TOCSIN_URL": self.system.address, "TOCSIN_KEY": self.system.key}
        command = [sys.executable, "-m", "tocsin.cli", "reconcile", "--book", BOOK, "--json"]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        (told,) = json.loads(done.stdout)
        return done.returncode, told

    def settled(self) -> dict[str, Any]:
        """Reconcile once nothing is under way any more; the exit code says whether there is a gap."""
        told: list[dict[str, Any]] = []

        def still() -> bool:
            code, now = self.reconcile()
            assert code == (0 if now["complete"] else 1)
            told[:] = [now]
            return not now["in_flight"]

        eventually(still, 60, lambda: str(told))
        return told[0]

    def change(self, service: str, statement: str) -> None:
        """Run a statement in a service's database behind its back."""
        if self._folder is not None:
            with contextlib.closing(sqlite3.connect(self._folder / f"{service}.db", timeout=30)) as connection:
                connection.executescript(statement)
                connection.commit()
        else:
            asyncio.run(_execute(self.system.processes[service].environment["TOCSIN_DATABASE_URL"], statement))

    @contextlib.contextmanager
    def losing(self, service: str, topic: str, text: str) -> Iterator[None]:
        """Lose what a service puts into its outbox for a topic, if it contains a text."""
        engine = "postgresql" if self._folder is None else "sqlite"
        self.change(service, _LOSES[engine].format(topic=topic, text=text))
        try:
            yield
        finally:
            self.change(service, _KEEPS[engine])

    def close(self, day: dt.date) -> None:
        """Close a day, and wait until everything is evaluated."""
        closing = {"day": day.isoformat(), "known_at": f"{day.isoformat()}T23:00:00Z"}
        assert self.system.post(f"/intake/v1/books/{BOOK}/closes", closing).status_code == 201
        self.system.settle(BOOK)


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _begin(whole: Whole) -> Whole:
    """Tell a system of four months, in the last of which an alert opens."""
    system = whole.system
    assert system.post("/intake/v1/books", small_book.OPENING).status_code == 201
    policy: dict[str, Any] = {"content": small_book.POLICY.encode(), "headers": {"Content-Type": "text/yaml"}}
    assert system.request("POST", "/risk/v1/policies", **policy).status_code == 201
    system.send_facts(small_book.beginnings())
    for index in range(4):
        facts = small_book.month_of_facts(index)
        system.send_facts(facts)
        system.send_facts(facts[:3])  # What is sent again is not counted again.
        whole.close(small_book.end_of(index))
    return whole


@pytest.fixture(scope="module", params=["files", pytest.param("servers", marks=pytest.mark.servers)])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A system with some months of a small book."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "files":
        with embedded_system(folder, SETTINGS) as system:
            yield _begin(Whole(system, folder / "data"))
        return
    postgres: str = request.getfixturevalue("postgres_server")
    broker = KafkaServer(folder / "kafka")
    broker.start()
    try:
        with distributed_system(folder, postgres, broker, settings=SETTINGS) as system:
            yield _begin(Whole(system, None))
    finally:
        broker.stop()


def paid(name: str, day: dt.date, loan: str = "l1") -> dict[str, Any]:
    return small_book.fact(name, "repayment.received", day, loan=loan, amount="1.00", currency="EUR")


def the_gap(told: dict[str, Any]) -> tuple[str, str | None, int, list[str]]:
    """The only gap: what it is, of which day, how many and which."""
    (gap,) = told["gaps"]
    return gap["kind"], gap["day"], gap["count"], gap["ids"]


def test_gaps_are_named_and_an_undisturbed_book_has_none(whole: Whole) -> None:
    told = whole.settled()
    assert (told["complete"], told["explained"], told["unchecked_days"], told["ledger_unchecked"]) == (True, [], 0, 0)
    sent = 2 * small_book.LOANS + sum(len(small_book.month_of_facts(index)) for index in range(4))
    assert told["accepted"] == told["folded"] == sent
    assert told["ledger_checked"] == 2 * sent
    assert sum(day["decided"] for day in told["decided"]) == sum(day["notified"] for day in told["decided"]) > 0
    assert told["notified"]["revisions"] == sum(day["decided"] for day in told["decided"])
    assert sum(told["notified"]["notices"].values()) > 0

    # Late and back-dated facts: they count under the day that is open when they come.
    closed = small_book.end_of(3)
    whole.system.send_facts([paid("late", closed), paid("older", dt.date(2023, 3, 3), "l2")])
    assert whole.settled()["complete"]
    whole.close(closed + dt.timedelta(days=1))
    assert whole.settled()["complete"]

    # A message of an alert is lost between risk and notify.
    with whole.losing("risk", "tocsin.risk", "worsened"):
        whole.system.send_facts(small_book.month_of_facts(4))
        whole.close(small_book.end_of(4))
    alerts = whole.system.get("/risk/v1/alerts", book=BOOK, indicator="missed_payment_rate")["items"]
    kind, day, count, ids = the_gap(whole.settled())
    assert (kind, day, count) == ("alert_unanswered", small_book.end_of(4).isoformat(), 1)
    assert ids[0].split("/")[0] == alerts[-1]["id"]
    whole.change("risk", "DELETE FROM awaited")

    # A fact is lost between intake and risk: seen while its day is open, and for good at its close.
    with whole.losing("intake", "tocsin.intake", '"3.21"'):
        lost = paid("lost", small_book.end_of(4))
        lost["data"]["amount"] = "3.21"
        (answer,) = whole.system.send_facts([lost])
    whole.system.settle(BOOK)
    assert the_gap(whole.settled()) == ("missing", None, 1, [answer["fact"]])
    closed = small_book.end_of(4) + dt.timedelta(days=1)
    whole.close(closed)
    assert the_gap(whole.settled()) == ("missing", closed.isoformat(), 1, [answer["fact"]])
    (gap,) = whole.system.get("/risk/v1/reconciliation", book=BOOK, state="gap")["items"]
    assert (gap["missing"], gap["unaccepted"], gap["accepted"]) == (1, 0, gap["folded"] + 1)

    # A row of risk's ledger is gone.
    (answer,) = whole.system.send_facts([paid("gone", closed)])
    whole.system.settle(BOOK)
    whole.change("risk", f"DELETE FROM ledger WHERE event_id = '{answer['fact']}'")
    gone = [one for one in whole.settled()["gaps"] if one["kind"] == "not_in_risk_ledger"]
    assert [(one["count"], one["ids"]) for one in gone] == [(1, [answer["fact"]])]
