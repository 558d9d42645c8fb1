"""A system under fire: every edge of intake is fed with what an enemy may send, and with valid facts in between.

What went in is written down here, and afterwards compared with what is kept: each fact is in the ledger, in quarantine,
a repeat of one that is, or was refused, and nothing else is anywhere (D11).
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import FastAPI
from sqlalchemy import select

from services.intake.store import tables as intake
from services.risk.evaluation.run import evaluate_book
from services.risk.handlers.fold import Scope
from services.risk.store import tables as risk
from shared.events.examples import example_of
from shared.kernel.ids import hashed_id
from shared.log.port import MAX_RECORD_BYTES, Outgoing
from shared.runtime.http import make_app
from shared.security.keys import KeyRing
from tests.fuzz import hostile
from tests.fuzz.world import PARTITIONS, World
from tests.risk import truth
from tests.support import small_book
from tests.support.asgi import Answer, ask

BOOK = "fuzzed"
EDGES = ("single", "resource", "batch", "lines", "topic", "topic")
BATCH_MAX = 40
_ONE, _BATCH, _LINES = "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"
_TYPES = (b"text/plain", b"application/json", b"application/xml", b"", b"application/cloudevents+json; charset=latin-1")
_ENCODINGS = (b"gzip", b"br", b"identity", b"gzip, gzip")
_ROUTES = {
    "tocsin.client.registered.v1": "clients",
    "tocsin.client.changed.v1": "clients/{client}/changes",
    "tocsin.client.merged.v1": "clients/{client}/merges",
    "tocsin.loan.disbursed.v1": "loans",
    "tocsin.loan.taken_on.v1": "loans/take-ons",
    "tocsin.repayment.received.v1": "loans/{loan}/repayments",
    "tocsin.repayment.reversed.v1": "loans/{loan}/reversals",
    "tocsin.loan.capitalised.v1": "loans/{loan}/capitalisations",
    "tocsin.loan.restructured.v1": "loans/{loan}/restructurings",
    "tocsin.loan.charged_off.v1": "loans/{loan}/charge-offs",
    "tocsin.recovery.received.v1": "loans/{loan}/recoveries",
    "tocsin.recovery.reversed.v1": "loans/{loan}/recovery-reversals",
    "tocsin.loan.closed.v1": "loans/{loan}/closures",
    "tocsin.loan.left_book.v1": "loans/{loan}/departures",
    "tocsin.project.registered.v1": "projects",
    "tocsin.project.reported.v1": "projects/{project}/reports",
    "tocsin.milestone.reported.v1": "projects/{project}/milestones",
    "tocsin.fact.corrected.v1": "corrections",
}
_BESIDE = ("_open_book", "_close_day", "_put_contact", "_settle_item", "_read_oddly", "_read_oddly")
_TOLD = ("client", "version")
_READS = (
    "/intake/v1/quarantine", "/intake/v1/facts/f1", "/intake/v1/books", "/risk/v1/loans/l1", "/risk/v1/clients/c1",
    "/risk/v1/projects/p1", "/risk/v1/alerts", "/risk/v1/alert-revisions", "/risk/v1/books/fuzzed", "/risk/v1/progress",
    "/risk/v1/indicators/par30/series", "/risk/v1/precision", "/risk/v1/policies", "/risk/v1/dead-letters",
)  # fmt: skip
POLICY = f"""
policy: fuzzed
books:
  {BOOK}:
    - {{id: missed, indicator: missed_payment_rate, basis: count, segments: [region], period: month, direction: above,
        amber: {{enter: 1 %, leave: 0.5 %}}, owner: officer}}
    - {{id: par, indicator: par30, basis: exposure, segments: portfolio, period: day, direction: above,
        red: {{enter: 1 %, leave: 0.5 %}}, owner: officer}}
    - {{id: slip, indicator: project_slip_rate, basis: count, segments: portfolio, period: month, direction: above,
        red: {{enter: 1 %, leave: 0.5 %}}, owner: officer}}
"""


class Siege:
    """One world, what was sent to it, and what it said."""

    def __init__(self, seed: int, keys: KeyRing, secret: str) -> None:
        self.world = World(seed, keys, secret)
        self.dice = self.world.dice
        self.facts = 0
        """How many were sent."""
        self.told: dict[str, int] = {}
        """Over HTTP: outcome -> facts."""
        self.kept: set[str] = set()
        """Event ids and items that HTTP was told of."""
        self.records: list[Outgoing] = []
        self.offsets: dict[tuple[int, int], Outgoing] = {}
        self._sent: list[dict[str, Any]] = []
        self._ends = [0] * PARTITIONS
        self._head = [(b"authorization", f"Bearer {secret}".encode())]
        self._app: FastAPI

    async def begin(self) -> None:
        """Open the books and apply the policies."""
        world = self.world
        await world.begin()
        self._app = make_app([world.intake.service, world.risk.service], world.keys, world.health, "fuzzed")
        opening = {**small_book.OPENING, "book": BOOK, "segment_attributes": ["region", "product"]}
        await self._expect("/intake/v1/books", opening)
        await self._expect("/risk/v1/policies", {"text": POLICY})

    async def _expect(self, path: str, body: Any) -> None:
        answer = await self.request("POST", path, json.dumps(body).encode(), b"application/json")
        assert answer.status in (200, 201), answer

    async def request(
        self, method: str, path: str, body: bytes, kind: bytes, more: Sequence[tuple[bytes, bytes]] = ()
    ) -> Answer:
        """Ask; whatever is sent, the answer is no failure of ours, and a refusal is a problem document."""
        sent = f"{method} {path} ({kind!r}, {list(more)!r}): {body[:2_000]!r}"
        try:
            answer = await ask(self._app, method, path, [*self._head, (b"content-type", kind), *more], body)
        except Exception as error:
            raise AssertionError(f"broke on {sent}") from error
        assert answer.status < 500, f"{answer} to {sent}"
        if answer.status >= 400:
            problem = json.loads(answer.body)
            assert problem["type"].startswith("https://tocsin.dev/problems/"), f"{answer} to {sent}"
        return answer

    async def valid(self, facts: Sequence[dict[str, Any]]) -> None:
        """Send facts that must all take effect, by an edge that the dice choose."""
        parts = [json.dumps(one).encode() for one in facts]
        edge = self.dice.choice(("batch", "lines", "topic"))
        if edge == "topic":
            for part in parts:
                self._write(b"", [("content-type", _ONE.encode())], part)
            await self._flush()
            return
        self.facts += len(parts)
        answer = await self._many(edge, parts, _BATCH if edge == "batch" else _LINES)
        told = json.loads(answer.body)
        assert told["accepted"] + told["repeated"] + told["waiting"] == len(parts), answer

    async def strike(self) -> None:
        """Send a few hostile facts by one edge."""
        edge = self.dice.choice(EDGES)
        count = 1 if edge in ("single", "resource") else self.dice.randint(1, BATCH_MAX)
        if self.dice.random() < 0.05:
            await getattr(self, self.dice.choice(_BESIDE))()
        events = [self._event() for _ in range(count)]
        if edge == "topic":
            for event in events:
                self._to_topic(event)
            await self._flush()
        elif edge == "resource":
            await self._resource(events[0])
        elif edge == "single":
            await self._single(events[0])
        else:
            bodies = [self._bytes(event) for event in events]
            if edge == "lines":
                bodies = [part for body in bodies for part in body.split(b"\n") if part.strip()]
            elif self.dice.random() < 0.8:
                bodies = [body for body in bodies if _is_json(body)]
            bodies = [body for body in bodies if body.strip()]
            self.facts += len(bodies)
            await self._many(edge, bodies, _BATCH if edge == "batch" else _LINES)

    async def _open_book(self) -> None:
        terms = {**small_book.OPENING, "book": f"b{self.dice.randrange(5)}", "first_day": "2022-01-01"}
        if self.dice.random() < 0.7:
            terms = hostile.spoiled(self.dice, terms)
        await self.request("POST", "/intake/v1/books", hostile.encoded(terms), *self._envelope("application/json"))

    async def _close_day(self) -> None:
        asked = {"day": self.dice.choice(hostile.DATES), "known_at": self.dice.choice(hostile.MOMENTS)}
        path = f"/intake/v1/books/b{self.dice.randrange(5)}/closes"
        await self.request("POST", path, hostile.encoded(asked), *self._envelope("application/json"))

    async def _put_contact(self) -> None:
        contact = {name: one for name, one in example_of("tocsin.contact.put.v1").items() if name not in _TOLD}
        contact = hostile.spoiled(self.dice, {**contact, "book": BOOK})
        path = f"/intake/v1/clients/c{self.dice.randrange(hostile.CLIENTS)}/contact"
        await self.request("PUT", path, hostile.encoded(contact), *self._envelope("application/json"))

    async def _settle_item(self) -> None:
        """Try an item of the quarantine again, or dismiss it, as a person would."""
        answer = await self.request("GET", "/intake/v1/quarantine?limit=500", b"", b"")
        if items := json.loads(answer.body)["items"]:
            item = self.dice.choice(items)["item"]
            what, body = self.dice.choice((("retry", {}), ("retry", {}), ("dismiss", {"comment": "no"})))
            await self.request(
                "POST", f"/intake/v1/quarantine/{item}/{what}", json.dumps(body).encode(), b"application/json"
            )

    async def _read_oddly(self) -> None:
        """Ask with parameters that make no sense."""
        path = self.dice.choice(_READS)
        names = ("book", "as_of", "known_at", "cursor", "limit", "state", "from", "to", "segment", "currency", "basis")
        asked = {name: self.dice.choice((*hostile.TEXTS[:16], *hostile.DATES, *hostile.MOMENTS, "-1", BOOK))
                 for name in self.dice.sample(names, 3)}  # fmt: skip
        await self.request("GET", f"{path}?{urlencode({**asked, 'book': BOOK})}", b"", b"")

    def _event(self) -> dict[str, Any]:
        if self._sent and self.dice.random() < 0.1:
            return self.dice.choice(self._sent)
        event = hostile.fact(self.dice, BOOK if self.dice.random() < 0.97 else "never opened")
        event = event if self.dice.random() < 0.35 else hostile.spoiled(self.dice, event)
        self._sent.append(event)
        return event

    def _bytes(self, event: dict[str, Any]) -> bytes:
        body = hostile.encoded(event)
        return hostile.torn(self.dice, body) if self.dice.random() < 0.1 else body

    async def _single(self, event: dict[str, Any]) -> None:
        self.facts += 1
        self._note(await self.request("POST", "/intake/v1/facts", self._bytes(event), *self._envelope(_ONE)), 1)

    async def _many(self, edge: str, bodies: Sequence[bytes], kind: str) -> Answer:
        body = b"[" + b",".join(bodies) + b"]" if edge == "batch" else b"\n".join(bodies)
        answer = await self.request("POST", "/intake/v1/facts", body, kind.encode())
        self._note(answer, len(bodies))
        return answer

    async def _resource(self, event: dict[str, Any]) -> None:
        self.facts += 1
        data = event.get("data")
        kind = event.get("type")
        route = _ROUTES.get(kind, "loans") if isinstance(kind, str) else "corrections"
        if isinstance(data, dict):
            data = {**data, **({"id": event["id"]} if "id" in event and self.dice.random() < 0.9 else {})}
            names = {name: str(data.get(name)) for name in ("client", "loan", "project")}
            route = route.format(**{name: value if value.isprintable() else "x" for name, value in names.items()})
        body = hostile.encoded(data)
        body = hostile.torn(self.dice, body) if self.dice.random() < 0.1 else body
        answer = await self.request("POST", f"/intake/v1/{route}", body, *self._envelope("application/json"))
        self._note(answer, 1)

    def _envelope(self, right: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """Return a content type, most often the right one, and headers that may come beside it."""
        kind = right.encode() if self.dice.random() < 0.95 else self.dice.choice(_TYPES)
        more = [(b"content-encoding", self.dice.choice(_ENCODINGS))] if self.dice.random() < 0.02 else []
        if self.dice.random() < 0.03:
            key = self.dice.choice((b"k1", b"k2", b"\xff", b"", b"x" * 300, b"a\x00", b"k3"))
            more.append((b"idempotency-key", key))
        return kind, more

    def _note(self, answer: Answer, sent: int) -> None:
        """Write down what became of each fact of a request."""
        if answer.status >= 400:
            self.told["refused"] = self.told.get("refused", 0) + sent
            return
        told = json.loads(answer.body)
        items = told.get("items", [told])
        assert len(items) == sent, f"{len(items)} answers to {sent} facts"
        for item in items:
            outcome = item["outcome"]
            self.told[outcome] = self.told.get(outcome, 0) + 1
            if outcome in ("accepted", "repeated", "waiting", "quarantined"):
                self.kept.add(item["fact"])
            else:
                assert item.get("errors") or item.get("reasons"), f"no reason in {item}"

    def _to_topic(self, event: dict[str, Any]) -> None:
        key = self.dice.choice((b"", b"small/c1", b"\xff\x00", b"k" * 5_000))
        if self.dice.random() < 0.5:
            kind = self.dice.choice((_ONE, _ONE, _ONE, "application/cloudevents+json; charset=utf-16", "text/plain"))
            headers = [("content-type", kind.encode())] if self.dice.random() < 0.9 else []
            self._write(key, headers, self._bytes(event))
            return
        spoil = self.dice.random() < 0.3
        value = hostile.encoded(event.get("data"))
        value = hostile.torn(self.dice, value) if self.dice.random() < 0.1 else value
        self._write(key, list(hostile.headers_of(self.dice, event, spoil=spoil)), value)

    def _write(self, key: bytes, headers: Sequence[tuple[str, bytes]], value: bytes) -> None:
        partition = self.dice.randrange(PARTITIONS)
        # What is larger no log takes: its producer is told.
        record = Outgoing("tocsin.facts", partition, key, tuple(headers), value[: MAX_RECORD_BYTES // 2])
        self.facts += 1
        self.records.append(record)
        self.offsets[partition, self._ends[partition]] = record
        self._ends[partition] += 1

    async def _flush(self) -> None:
        await self.world.log.append(self.records, 10.0)
        self.records.clear()

    async def work(self) -> None:
        """Let everything that was sent take its effect, on all books."""
        async with asyncio.timeout(120):
            await self.world.settle()
            for book in await self.books():
                while await self._evaluate(book):
                    pass
        assert await self.world.health.reasons() == {}

    async def close_month(self, book: str, index: int) -> None:
        """Close a month of a book."""
        end = small_book.end_of(index)
        await self._expect(f"/intake/v1/books/{book}/closes", {"day": f"{end}", "known_at": f"{end}T23:00:00Z"})

    async def books(self) -> list[str]:
        """Return the books that risk knows."""
        async with self.world.databases["risk"].read() as tx:
            return sorted({row.book for row in await tx.rows(select(risk.BOOK.c.book))})

    async def _evaluate(self, book: str) -> bool:
        scope = Scope(self.world.risk.owner, PARTITIONS, lanes=set(range(PARTITIONS)))
        async with self.world.databases["risk"].transaction(snapshot=True) as tx:
            done = await evaluate_book(tx, book, scope)
        return bool(done and (done.marks or done.values or done.revisions))

    async def account(self) -> None:
        """Hold that what was received is the ledger, the quarantine, and nothing else; and that risk has all of it."""
        async with self.world.databases["intake"].read() as tx:
            ledger = await tx.rows(select(intake.LEDGER))
            held = await tx.rows(select(intake.QUARANTINE))
        bodies = {row.event_id: row.body for row in ledger} | {row.item: row.body for row in held}
        assert len(bodies) == len(ledger) + len(held), "a fact is in the ledger and in quarantine"
        assert not [row for row in held if row.reason == "undigestible"], "intake's reading raised"
        assert not [row for row in held if not row.reason], "held without a reason"
        origins = {(row.partition, row.offset): row for row in (*ledger, *held) if row.topic is not None}
        assert origins.keys() <= self.offsets.keys()
        for place, record in self.offsets.items():
            if place not in origins:
                identity = _identity(record)
                assert identity is not None, f"{place} is nowhere: {record}"
                assert _same(bodies.get(identity), record), f"{place} is neither kept nor a repeat: {record}"
        posted = {row.event_id for row in ledger if row.topic is None} | {row.item for row in held if row.topic is None}
        assert posted <= self.kept, "something is kept that nobody was told of"
        assert self.kept <= bodies.keys(), "something was told and is not kept"
        assert sum(self.told.values()) + len(self.offsets) == self.facts
        async with self.world.databases["risk"].read() as tx:
            folded = {row.event_id for row in await tx.rows(select(risk.LEDGER.c.event_id))}
            letters = await tx.rows(select(risk.MORGUE.table))
        assert letters == [], "risk could not digest what intake let through"
        assert folded == {row.event_id for row in ledger}
        for book in await self.books():
            await truth.assert_true(self.world.databases["risk"], book)

    async def read_everything(self) -> None:
        """Look at all that was made of it, as people would."""
        for path in ("/intake/v1/books", "/intake/v1/quarantine?limit=500", "/risk/v1/books", "/risk/v1/alerts"):
            assert (await self.request("GET", path, b"", b"")).status == 200, path
        async with self.world.databases["intake"].read() as tx:
            held = [row.item for row in await tx.rows(select(intake.QUARANTINE.c.item))]
        for item in self.dice.sample(held, min(40, len(held))):
            assert (await self.request("GET", f"/intake/v1/quarantine/{item}", b"", b"")).status == 200
        places = [f"loans/l{number}" for number in range(hostile.LOANS)]
        places += [f"clients/c{number}" for number in range(hostile.CLIENTS)]
        places += [f"projects/p{number}" for number in range(hostile.PROJECTS)]
        for place in places:
            for day in ("", "&as_of=1900-01-01", "&as_of=2199-12-31", "&as_of=2023-06-30"):
                answer = await self.request("GET", f"/risk/v1/{place}?book={BOOK}{day}", b"", b"")
                assert answer.status in (200, 404), answer

    async def small(self) -> dict[str, Any]:
        """Return what became of the small book, whose facts are all valid."""
        database = self.world.databases["risk"]
        return {
            "counters": await truth.kept_cells(database, small_book.BOOK),
            **await truth.outcome(database, small_book.BOOK),
        }


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    return True


def _identity(record: Outgoing) -> str | None:
    """Return the event id of a record, read without the product; None when it cannot be read."""
    headers = {name.lower(): value for name, value in record.headers}
    try:
        event = json.loads(record.value)
        if not headers.get("content-type", b"").startswith(_ONE.encode()) and "ce_id" in headers:
            event = {"id": headers["ce_id"].decode(), "source": headers["ce_source"].decode()}
        return hashed_id(event["source"], event["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _same(kept: bytes | None, record: Outgoing) -> bool:
    if kept is None:
        return False
    sent = json.loads(record.value)
    return bool(json.loads(kept) == sent.get("data", sent) or json.loads(kept) == sent)
