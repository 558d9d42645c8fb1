"""Sending: rows leave the outbox once the log has them; a message has one sender, who notes what it is about to do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import true

from services.notify.domain.delivery import Outgoing as Message
from services.notify.domain.delivery import Report
from services.notify.store import destinations, messages
from services.notify.store.messages import MessageRow
from shared.clock import FrozenClock
from shared.db import migrate, outbox
from shared.db.house import HouseTables
from shared.db.port import Tx
from shared.db.sqlite import open_sqlite
from shared.events.base import Topic
from shared.log.port import LogUnavailable, Outgoing, Partition
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.relay import Relay
from shared.runtime.service import Limits
from tests.guards.test_ledgers import intake
from tests.intake.house import PARTITIONS, repayment
from tests.notify.house import NOW, House, Recorder, alert

PEOPLE = """
people:
  anna: {email: anna@bank.example}
endpoints:
  desk: {url: "https://desk.bank.example/", secrets: [whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]}
routes:
  all: {people: [anna], endpoints: [desk], channels: [email]}
"""


async def lost_when_the_log_is_away(folder: Path) -> int:
    """Send to a log that fails at first; return how many records never arrive."""
    log = open_sqlite_log(None)
    await log.create_topics({Topic.INTAKE: PARTITIONS})
    append, away = log.append, True

    async def append_when_back(records: Sequence[Outgoing], timeout_s: float) -> None:
        if away:
            raise LogUnavailable("away")
        await append(records, timeout_s)

    log.append = append_when_back  # type: ignore[method-assign]
    async with intake(folder) as house:
        await house.take(repayment("P1"), repayment("P2"))
        async with house.database.read() as tx:
            waiting = sum(lane.rows for lane in await outbox.backlog(tx, house.desk.house))
        relay = Relay(house.service, log, PARTITIONS, Limits(), Health())
        lanes = [Partition(Topic.INTAKE, lane) for lane in range(PARTITIONS)]
        for lane in lanes:
            try:
                await relay.send_once(lane)
            except LogUnavailable:
                continue
        away = False
        for lane in lanes:
            await relay.send_once(lane)
    ends = await log.end_offsets(Topic.INTAKE)
    await log.close()
    return waiting - sum(ends.values())


async def test_a_row_is_forgotten_only_after_the_log_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lost_when_the_log_is_away(tmp_path) == 0
    really_unsent = outbox.unsent

    async def taken(tx: Tx, house: HouseTables, topic: str, partition: int, limit: int) -> list[tuple[int, Outgoing]]:
        rows = await really_unsent(tx, house, topic, partition, limit)
        await outbox.forget(tx, house, topic, partition, [seq for seq, _ in rows])
        return rows

    monkeypatch.setattr(outbox, "unsent", taken)
    assert await lost_when_the_log_is_away(tmp_path) > 0


class Slow(Recorder):
    """A channel that takes its time."""

    def __init__(self, channel: str, repeats_dropped: bool) -> None:
        super().__init__(channel, repeats_dropped)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, message: Message) -> Report:
        report = await super().send(message)
        self.reached.set()
        await self.go_on.wait()
        return report


@asynccontextmanager
async def notify() -> AsyncIterator[House]:
    """Notify with one alert to tell of."""
    clock = FrozenClock(NOW)
    database = open_sqlite(None, clock)
    await migrate.upgrade(database, "services.notify")
    house = House(database, clock)
    await house.people(PEOPLE)
    await house.risk(alert())
    await house.compose()
    yield house
    await database.close()


async def sent_by_two_at_once() -> int:
    """Let a second process send while the first is at it; return how often the receiver is called."""
    async with notify() as house:
        first = Slow("webhook", repeats_dropped=True)
        house.channels["webhook"] = first
        sending = asyncio.create_task(house.sender("webhook").send_all())
        await first.reached.wait()
        heir = house.other()
        await heir.sender("webhook").send_all()
        first.go_on.set()
        await sending
        return len(first.sent) + len(heir.channels["webhook"].sent)


async def sent_around_a_crash() -> int:
    """End a process between a send and its record; return how often its heirs and it send the one e-mail."""
    async with notify() as house:
        dying = Slow("email", repeats_dropped=False)
        house.channels["email"] = dying
        sending = asyncio.create_task(house.sender("email").send_all())
        await dying.reached.wait()
        sending.cancel()
        await asyncio.wait([sending])
        house.clock.advance(3_600.0)
        heir = house.other()
        await heir.sender("email").send_all()
        return len(dying.sent) + len(heir.channels["email"].sent)


async def test_one_process_at_a_time_sends_to_a_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await sent_by_two_at_once() == 1
    monkeypatch.setattr(destinations, "_is_free", lambda _now: true())
    assert await sent_by_two_at_once() == 2


async def test_an_intent_is_kept_before_a_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await sent_around_a_crash() == 1
    really_begin, dying = messages.begin_attempt, True

    async def no_intent_at_first(tx: Tx, message: MessageRow) -> None:
        nonlocal dying
        if not dying:
            await really_begin(tx, message)
        dying = False

    monkeypatch.setattr(messages, "begin_attempt", no_intent_at_first)
    assert await sent_around_a_crash() == 2
