"""What people and foreign systems ask of a world, again with the same words until they are told that it is done."""

import json
from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from services.feedback.domain.answer import Answer
from services.feedback.domain.verdict import WORDS, Said
from services.feedback.handlers.answering import answer_survey
from services.feedback.handlers.desk import Desk as FeedbackDesk
from services.feedback.handlers.remarks import About, Author, leave_remark
from services.feedback.handlers.verdicts import give_verdict
from services.feedback.store import surveys
from services.intake.api.together import Together
from services.intake.handlers.accept import accept_facts
from services.intake.handlers.books import CloseDay, OpenBook, close_day, open_book
from services.intake.handlers.contacts import PutContact, put_contact, read_contact
from services.intake.handlers.desk import Desk as IntakeDesk
from services.intake.handlers.facts_in import Bounds, IncomingFact, read_event
from services.intake.store.tables import HOUSE
from services.notify.domain.provisioning import Provisioned, parse
from services.notify.handlers.acknowledging import request_acknowledgement
from services.notify.handlers.keeping import converge
from services.risk.domain.policy import Policy
from services.risk.handlers.policies import apply_policy, check_policy
from shared.db.port import Tx
from shared.log.port import Outgoing
from tests.support import small_book
from tests.support.simulator.book import PEOPLE, POLICY
from tests.support.simulator.life import Life, settings_of

if TYPE_CHECKING:
    from tests.support.simulator.world import World

Request = Callable[[Life], Coroutine[Any, Any, object]]
Work = Callable[[Tx], Coroutine[Any, Any, object]]
_BOUNDS = Bounds(1_000_000, date(2100, 12, 31))


class People:
    """Everybody outside: each request goes to a process that runs, and is committed before it is answered."""

    def __init__(self, world: "World") -> None:
        """Ask a world."""
        self._world = world
        self.done: list[tuple[str, ...]] = []
        """What somebody was told to be done."""
        self.begun: list[tuple[str, ...]] = []
        """What was asked for at least once."""
        self._number = 0

    def _somebody(self, what: str) -> str:
        """Return a person who asks for the first time."""
        self._number += 1
        return f"{what}-{self._number}"

    # Foreign systems, and intake.

    async def produce(self, facts: Sequence[dict[str, Any]]) -> None:
        """Put facts on `tocsin.facts`, as CloudEvents in structured mode, on any partition (D9)."""
        dice, partitions = self._world.fate.dice, self._world.partitions
        headers = (("content-type", b"application/cloudevents+json"),)
        records = [
            Outgoing("tocsin.facts", dice.randrange(partitions), b"", headers, json.dumps(one).encode())
            for one in facts
        ]
        self._world.log.append(records)

    def _read(self, one: dict[str, Any]) -> IncomingFact:
        read = read_event(json.dumps(one).encode(), self._world.clock.now(), _BOUNDS)
        assert isinstance(read, IncomingFact), read
        return read

    def post_batch(self, facts: Sequence[dict[str, Any]]) -> Request:
        """Post facts in one request."""

        async def work(tx: Tx) -> object:
            incoming = [self._read(one) for one in facts]
            return await accept_facts(tx, self._intake(), incoming, self._world.clock.now())

        return _transaction(work)

    def post_one(self, one: dict[str, Any]) -> Request:
        """Post one fact by itself."""

        async def request(life: Life) -> object:
            together = Together(life.database, self._intake(), self._world.clock, life.service.wake_relay, 100)
            return await together.take(self._read(one))

        return request

    async def open_book(self, life: Life) -> object:
        """Open the book."""

        async def work(tx: Tx) -> object:
            terms = msgspec.convert(small_book.OPENING, OpenBook)
            return (await open_book(tx, self._intake(), terms, self._world.clock.now())).outcome

        assert await _transaction(work)(life) in ("opened", "same")
        return None

    def close_day(self, close: dict[str, Any]) -> Request:
        """Close a day; answers with the effect."""

        async def work(tx: Tx) -> object:
            asked = msgspec.convert(close, CloseDay)
            return (await close_day(tx, self._intake(), small_book.BOOK, asked, self._world.clock.now())).outcome

        return _transaction(work)

    def put_contact(self, client: str) -> Request:
        """Say how a client can be reached, and that it may be asked; answers with what became of it."""
        consent = {"channel": "email", "purpose": "survey", "given": True, "since": "2023-01-01"}
        point = {"channel": "email", "address": f"{client}@client.example"}
        said = {"book": small_book.BOOK, "points": [point], "consents": [consent]}

        async def work(tx: Tx) -> object:
            contact = read_contact(json.dumps(said).encode(), self._world.clock.now())
            assert isinstance(contact, PutContact), contact
            return (await put_contact(tx, self._intake(), client, contact)).outcome

        return _transaction(work)

    def _intake(self) -> IntakeDesk:
        return IntakeDesk(HOUSE, _BOUNDS, self._world.partitions)

    # Staff of the lender.

    async def apply_policy(self, life: Life) -> object:
        """Apply the policy."""
        parsed = _policy()

        async def work(tx: Tx) -> object:
            return await apply_policy(tx, parsed, POLICY, self._world.partitions)

        return await _transaction(work)(life)

    async def name_people(self, life: Life) -> object:
        """Say who is told."""

        async def work(tx: Tx) -> object:
            return await converge(tx, _directory())

        return await _transaction(work)(life)

    def acknowledge(self, alert: str) -> Request:
        """See an alert."""
        by = self._somebody("officer")

        async def work(tx: Tx) -> object:
            asked = await request_acknowledgement(tx, alert, by, "seen", self._world.partitions)
            assert asked is not None, "alerts are never forgotten"
            return asked.asked.id

        return self._noted(("acknowledgement", alert, by), work)

    def judge(self, alert: str) -> Request:
        """Say whether an alert was worth giving."""
        by, word = self._somebody("officer"), self._world.fate.dice.choice(WORDS)

        async def work(tx: Tx) -> object:
            given = await give_verdict(tx, self._feedback(), alert, by, Said(word, "", f"said by {by}"), "api")
            assert given is not None, "alerts are never forgotten"
            return given.verdict.request

        return self._noted(("verdict", alert, by), work)

    def remark(self, alert: str) -> Request:
        """Write something about an alert."""
        by = self._somebody("officer")

        async def work(tx: Tx) -> object:
            return await leave_remark(tx, About(small_book.BOOK, "alert", alert), Author("staff", by), "Look here.")

        return self._noted(("remark", alert, by), work)

    # Clients.

    def answer(self, survey: str) -> Request:
        """Answer a survey."""
        said = Answer(self._world.fate.dice.randint(1, 5), self._world.fate.dice.randint(0, 10), "Thank you.")

        async def work(tx: Tx) -> object:
            row = await surveys.survey_with_id(tx, survey)
            assert row is not None, "what was decided is never forgotten"
            return await answer_survey(tx, self._feedback(), row, said)

        return self._noted(("answer", survey), work)

    def _feedback(self) -> FeedbackDesk:
        return FeedbackDesk(self._world.partitions, settings_of("feedback").rules())

    def _noted(self, what: tuple[str, ...], work: Work) -> Request:
        """Return a request that notes that it was begun, and that it was done."""

        async def request(life: Life) -> object:
            self.begun.append(what)
            answer = await _transaction(work)(life)
            self.done.append(what)
            return answer

        return request


def _transaction(work: Work) -> Request:
    """Return a request that is one transaction, as a route's body."""

    async def request(life: Life) -> object:
        async with life.database.transaction() as tx:
            answer = await work(tx)
        life.service.wake_relay.ring()
        return answer

    return request


@cache
def _policy() -> Policy:
    policy = check_policy(POLICY).policy
    assert policy is not None, check_policy(POLICY)
    return policy


@cache
def _directory() -> Provisioned:
    parsed = parse(PEOPLE)
    assert parsed.provisioned is not None, parsed.errors
    return parsed.provisioned
