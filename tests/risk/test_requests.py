"""What people ask of alerts (D15): decided once, under the alert's lock, answered on risk's topic."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from services.risk.store.tables import ALERT, ALERT_REQUEST, ALERT_REVISION, VERDICT
from shared.db.port import DatabaseUnavailable
from shared.events.base import Topic
from shared.events.envelope import Envelope, to_headers
from shared.events.feedback import FeedbackMessageDeadLettered, VerdictGiven
from shared.events.risk import AlertRequestDecided
from shared.log.port import Record
from shared.runtime.service import Batch
from tests.risk.crisis import POLICY, begin, pay, revisions
from tests.risk.feed import AnyDatabase, Feed, at, evaluate, fold, rows_of, settle
from tests.risk.front import Asking, acknowledgement, verdict

NOBODY = "0" * 32


async def ringing(database: AnyDatabase) -> tuple[Feed, Any, Asking]:
    """A book with one open alert."""
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(6))
    feed.close("2020-03-31")
    await settle(database, feed)
    (alert,) = await rows_of(database, select(ALERT))
    return feed, alert, Asking(database, alert.cause_id)


def decisions(answers: list[AlertRequestDecided]) -> list[tuple[str, str, str]]:
    return [(one.request, one.decision, one.state) for one in answers]


async def test_an_acknowledgement_from_elsewhere_is_decided_like_one_over_http(database: AnyDatabase) -> None:
    _, alert, asking = await ringing(database)
    answers = await asking.ask(
        acknowledgement("r1", alert.id), acknowledgement("r2", alert.id, "officer-8"), acknowledgement("r3", NOBODY)
    )
    assert decisions(answers) == [("r1", "accepted", "open"), ("r2", "repeated", "open"), ("r3", "unknown", "")]
    assert {(one.kind, one.verdict) for one in answers} == {("acknowledgement", "")}
    kept = (await revisions(database))[-1]
    assert (kept.message.change, kept.acknowledged, kept.by, kept.comment) == (
        "acknowledged",
        True,
        "officer-7",
        "mine",
    )


async def test_a_request_is_decided_once(database: AnyDatabase) -> None:
    feed, alert, asking = await ringing(database)
    assert decisions(await asking.ask(acknowledgement("r1", alert.id), acknowledgement("r1", alert.id))) == [
        ("r1", "accepted", "open")
    ]
    pay(feed, "2020-04-15", range(2))
    feed.close("2020-04-30")
    await settle(database, feed)
    assert [one.message.change for one in await revisions(database)][-1] == "worsened"
    assert await asking.ask(acknowledgement("r1", alert.id)) == [], "it got worse since, and asks for another person"
    assert len(await rows_of(database, select(ALERT_REVISION))) == 3
    (row,) = await rows_of(database, select(ALERT_REQUEST))
    assert (row.request, row.kind, row.by, row.decision) == ("r1", "acknowledgement", "officer-7", "accepted")


async def test_a_closed_alert_is_acknowledged_no_more_but_still_judged(database: AnyDatabase) -> None:
    feed, alert, asking = await ringing(database)
    pay(feed, "2020-04-15", range(10))
    feed.close("2020-04-30")
    await settle(database, feed)
    assert decisions(await asking.ask(acknowledgement("r1", alert.id))) == [("r1", "superseded", "closed")]
    (answer,) = await asking.ask(verdict("r2", alert.id, "false"))
    assert (answer.kind, answer.decision, answer.state, answer.verdict) == ("verdict", "accepted", "closed", "false")


async def test_the_last_verdict_counts_and_the_others_are_history(database: AnyDatabase) -> None:
    _, alert, asking = await ringing(database)
    before = await rows_of(database, select(ALERT_REVISION))
    answers = await asking.ask(
        verdict("v1", alert.id, "unclear"),
        verdict("v2", alert.id, "unclear"),
        verdict("v3", alert.id, "true", outcome="contacted"),
        verdict("v4", alert.id, "true", "manager-1", outcome="contacted"),
        verdict("v5", NOBODY),
    )
    assert [one.decision for one in answers] == ["accepted", "repeated", "accepted", "accepted", "unknown"]
    rows = await rows_of(database, select(VERDICT).order_by(VERDICT.c.number))
    assert [(row.number, row.request, row.verdict, row.outcome, row.by) for row in rows] == [
        (1, "v1", "unclear", "", "officer-7"),
        (2, "v3", "true", "contacted", "officer-7"),
        (3, "v4", "true", "contacted", "manager-1"),
    ]
    assert await rows_of(database, select(ALERT_REVISION)) == before, "a verdict is no revision"


async def test_a_verdict_on_a_withdrawn_alert_is_superseded(database: AnyDatabase) -> None:
    feed, alert, asking = await ringing(database)
    pay(feed, "2020-03-16", [6, 7, 8], known="2020-04-05")
    await settle(database, feed)
    answers = await asking.ask(verdict("v1", alert.id), verdict("v2", alert.id))
    assert decisions(answers) == [("v1", "superseded", "withdrawn"), ("v2", "superseded", "withdrawn")]
    assert await rows_of(database, select(VERDICT)) == []


async def test_what_is_meant_for_others_is_skipped_and_nonsense_is_refused(database: AnyDatabase) -> None:
    _, alert, asking = await ringing(database)
    envelope = Envelope(id="x", source="/tests", type=VerdictGiven.type, time=at("2021-01-01"))
    for headers, body in (((), b"{}"), (to_headers(envelope), b"{}"), (to_headers(envelope), b"\xff")):
        record = Record(Topic.FEEDBACK, 0, 9, b"k", headers, body, 0)
        with pytest.raises(ValueError, match=r"CloudEvents|missing required field|malformed"):
            async with database.transaction() as tx:
                await asking.handle[Topic.FEEDBACK](tx, Batch(Topic.FEEDBACK, 0, 1, [record]))
    other = FeedbackMessageDeadLettered(origin_topic="t", origin_partition=0, origin_offset=0, reason="r", error="e")
    assert decisions(await asking.ask(verdict("v1", alert.id), other)) == [("v1", "accepted", "open")]


async def test_of_two_who_ask_at_the_same_moment_one_is_accepted(database: AnyDatabase) -> None:
    feed, alert, asking = await ringing(database)
    pay(feed, "2020-04-15", range(2))
    feed.close("2020-04-30")
    await fold(database, feed)

    async def evaluated() -> None:
        while True:
            try:
                await evaluate(database)
                return
            except DatabaseUnavailable:
                await asyncio.sleep(0)  # The evaluator's worker looks again, too: another transaction was first.

    async with asyncio.timeout(30.0):
        await asyncio.gather(
            asking.hand_over(acknowledgement("r1", alert.id)),
            evaluated(),
            asking.hand_over(acknowledgement("r2", alert.id, "officer-8")),
            *(asking.hand_over(verdict(f"v{number}", alert.id, by=f"officer-{number}")) for number in range(1, 9)),
        )
    kept = await revisions(database)
    numbers = [(one.message.revision, one.message.change) for one in kept]
    assert [number for number, _ in numbers] == list(range(1, len(numbers) + 1))
    changes = [change for _, change in numbers]
    answers = {one.request: one.decision for one in await asking.answers()}
    accepted = sum(answers[request] == "accepted" for request in ("r1", "r2"))
    assert accepted == changes.count("acknowledged")
    assert changes.count("worsened") == 1
    assert accepted == (2 if changes[1:] == ["acknowledged", "worsened", "acknowledged"] else 1)
    assert [row.number for row in await rows_of(database, select(VERDICT).order_by(VERDICT.c.number))] == list(
        range(1, 9)
    )
