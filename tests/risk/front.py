"""Risk from outside: reads over HTTP, and the requests that notify and feedback pass on."""

from typing import Any

import httpx
import msgspec
from sqlalchemy import select

from services.risk.app import build
from services.risk.settings import RiskSettings
from services.risk.store.tables import HOUSE
from shared.clock import SystemClock
from shared.events.base import Message
from shared.events.envelope import Envelope, from_headers, to_headers
from shared.events.feedback import VerdictGiven
from shared.events.notify import AcknowledgementRequested
from shared.events.risk import AlertRequestDecided
from shared.log.lanes import lane_of
from shared.log.port import Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime.service import Batch, Platform
from tests.risk.feed import OWNER, PARTITIONS, AnyDatabase, at, rows_of

RISK = "/risk/v1"


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    """The decoded answer of a read that must succeed."""
    response = await client.get(RISK + path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


class Asking:
    """People's requests, as notify and feedback pass them on, given to the composed service."""

    def __init__(self, database: AnyDatabase, cause: str) -> None:
        platform = Platform(log=open_sqlite_log(None), clock=SystemClock(), partitions=PARTITIONS, owner=OWNER)
        service = build(RiskSettings(), platform, database)
        self.database, self.cause, self.offset = database, cause, 0
        self.handle = {one.topic: one.handle for one in service.subscriptions}

    async def ask(self, *messages: Message) -> list[AlertRequestDecided]:
        """Hand over one batch; return the answers that it gave."""
        before = len(await self.answers())
        await self.hand_over(*messages)
        return (await self.answers())[before:]

    async def hand_over(self, *messages: Message) -> None:
        """Hand over one batch."""
        records = []
        for message in messages:
            envelope = Envelope(id=f"e{self.offset}", source="/tests", type=message.type, time=at("2021-01-01"))
            value, key = msgspec.json.encode(message), self.cause.encode()
            records.append(Record(message.topic, 0, self.offset, key, to_headers(envelope), value, 0))
            self.offset += 1
        async with self.database.transaction() as tx:
            await self.handle[messages[0].topic](tx, Batch(messages[0].topic, 0, 1, records))

    async def say(self, *messages: Message) -> None:
        """Hand over one batch of which every message takes effect, whatever cause its alert has."""
        cause, self.cause = self.cause, ""
        decided = await self.ask(*messages)
        self.cause = cause
        assert {one.decision for one in decided} == {"accepted"}

    async def answers(self) -> list[AlertRequestDecided]:
        """Return all answers that wait to be sent, in their order."""
        box = HOUSE.outbox.c
        rows = await rows_of(self.database, select(box.headers, box.value, box.key, box.partition).order_by(box.seq))
        answers = []
        for row in rows:
            envelope = from_headers(msgspec.msgpack.decode(row.headers, type=tuple[tuple[str, bytes], ...]))
            if envelope.type == AlertRequestDecided.type:
                assert row.partition == lane_of(row.key, PARTITIONS)
                assert row.key == self.cause or not self.cause
                answers.append(msgspec.json.decode(row.value, type=AlertRequestDecided))
        return answers


def acknowledgement(request: str, alert: str, by: str = "officer-7") -> AcknowledgementRequested:
    return AcknowledgementRequested(request=request, alert=alert, by=by, requested_at=at("2020-04-01"), comment="mine")


def verdict(request: str, alert: str, said: Any = "true", by: str = "officer-7", outcome: Any = "") -> VerdictGiven:
    return VerdictGiven(request=request, alert=alert, verdict=said, by=by, given_at=at("2020-04-02"), outcome=outcome)
