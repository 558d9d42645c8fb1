"""Damaged messages on our own topics: each is digested, skipped or a dead letter, and the others take their effect."""

import os
import random
from typing import Any

import pytest
from sqlalchemy import MetaData, select

import services.feedback.app
import services.notify.app
import services.risk.app
from services.feedback.settings import FeedbackSettings
from services.notify.settings import NotifySettings
from services.risk.settings import RiskSettings
from shared.db.letters import DeadLetter
from shared.log.port import Outgoing
from tests.fuzz.own_topics import Build, Fed, hostile_record, valid_records
from tests.support.compose import LINK_SECRETS

MESSAGES_PER_SEED, VALID = 400, 24
FIRST, SEEDS = int(os.environ.get("SEED", "1")), max(2, int(os.environ.get("FACTS", "0")) // 20_000)

SERVICES: dict[str, tuple[Build, MetaData]] = {
    "risk": (lambda platform, database: services.risk.app.build(RiskSettings(), platform, database),
             services.risk.app.METADATA),
    "notify": (lambda platform, database: services.notify.app.build(
        NotifySettings(link_secrets=LINK_SECRETS, public_url="https://tocsin.test"), platform, database),
        services.notify.app.METADATA),
    "feedback": (lambda platform, database: services.feedback.app.build(
        FeedbackSettings(link_secrets=LINK_SECRETS), platform, database), services.feedback.app.METADATA),
}  # fmt: skip


async def fed(
    name: str, seed: int, messages: int, dsn: str | None = None
) -> tuple[dict[str, Any], list[DeadLetter], list[Outgoing]]:
    """Feed a service; return what it keeps of the valid messages, its dead letters, and the hostile messages."""
    service = Fed(*SERVICES[name], dsn)
    await service.begin()
    dice = random.Random(seed)
    hostile: list[Outgoing] = []
    try:
        valid = valid_records(service.service, VALID)
        while valid:
            # A third at most is damaged: with more poison than half a partition stops, as it should.
            part, valid = valid[:20], valid[20:]
            wrong = [hostile_record(dice, service.service) for _ in range(8)] if len(hostile) < messages else []
            hostile += wrong
            for one in wrong:
                part.insert(dice.randrange(len(part) + 1), one)
            await service.feed(part)
        assert await service.health.reasons() == {}
        for place, loop in service.loops.items():
            assert loop.next_offset == (await service.log.end_offsets(place.topic))[place.number]
        async with service.database.read() as tx:
            letters = [DeadLetter(*row) for row in await tx.rows(select(service.metadata.tables["dead_letter"]))]
        return await service.rows_about("auto"), letters, hostile
    finally:
        await service.close()


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
async def test_a_damaged_message_is_put_aside_and_stops_nothing(name: str, seed: int, dsn: str | None) -> None:
    alone, letters, _ = await fed(name, 0, 0)
    assert letters == [], f"{name} cannot digest the catalogue's examples"
    assert any(alone.values())
    kept, letters, hostile = await fed(name, seed, MESSAGES_PER_SEED, dsn)
    assert kept == alone
    assert letters
    assert all(letter.reason and letter.error for letter in letters)
    assert {letter.body for letter in letters} <= {one.value for one in hostile}
