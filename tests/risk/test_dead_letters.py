"""Dead letters over HTTP: tried again once their cause is gone, dismissed with a reason, and the client made whole."""

from datetime import date
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select

from services.risk.handlers.letters import keep_dead_letter
from services.risk.store.tables import COUNTER, DEAD_LETTER, HOUSE, LEDGER, METADATA
from shared.db import outbox, positions
from shared.db.letters import DeadLetter
from shared.events import facts
from shared.events.base import Topic
from shared.events.risk import MessageDeadLettered
from shared.log.port import Outgoing, Record, check_sizes
from shared.runtime.service import Poison
from tests.risk.crisis import POLICY
from tests.risk.feed import (
    SOURCE,
    AnyDatabase,
    Feed,
    apply_policy,
    disburse,
    event_id,
    fold_one,
    register,
    repay,
    rows_of,
    settle,
    small_book,
)
from tests.risk.front import RISK, get
from tests.risk.truth import assert_true

ME = {"by": "operator-1"}


async def bury(database: AnyDatabase, record: Record, error: str = "…") -> str:
    """Keep a record as the consumer does when it cannot be digested; returns the letter's id."""
    async with database.transaction() as tx:
        await keep_dead_letter(tx, record, Poison(error))
        claim = await positions.claim(tx, HOUSE, "risk", record.topic, record.partition, "owner")
        assert await positions.advance(
            tx, HOUSE, "risk", record.topic, record.partition, claim.epoch, claim.next_offset, record.offset + 1
        )
    (letter,) = await rows_of(database, select(DEAD_LETTER.c.id).where(DEAD_LETTER.c.state == "kept"))
    return str(letter.id)


async def letters(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The letters that a list shows."""
    items: list[dict[str, Any]] = (await get(client, "/dead-letters", **query))["items"]
    return items


async def settle_letter(client: httpx.AsyncClient, letter: str, how: str, body: dict[str, str]) -> httpx.Response:
    """Retry or dismiss a letter."""
    return await client.post(f"{RISK}/dead-letters/{letter}/{how}", json=body)


async def test_a_letter_is_digested_once_its_cause_is_gone(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    early = Feed()
    register(early, "c1")
    (batch,) = early.pending()
    with pytest.raises(Poison, match="not known in this lane"):
        await fold_one(database, batch)
    letter = await bury(database, batch.records[0])
    assert [one["state"] for one in await letters(client)] == ["kept"]
    refused = await settle_letter(client, letter, "retry", ME)
    assert (refused.status_code, "not known in this lane" in refused.json()["detail"]) == (409, True)
    assert [one["id"] for one in await letters(client, state="kept")] == [letter], "it stays where it is"

    feed = Feed()
    feed.open_book()
    disburse(feed, "l1", "c1")
    await settle(database, feed)
    assert (await get(client, "/clients/c1", book="auto"))["degraded"] is True
    done = await settle_letter(client, letter, "replay", ME)
    assert (done.status_code, done.json()["state"], done.json()["settled_by"]) == (200, "retried", "operator-1")
    assert (await get(client, "/clients/c1", book="auto"))["degraded"] is False
    assert (await get(client, "/loans/l1", book="auto"))["attributes"] == {"region": "TX"}
    assert len(await rows_of(database, select(LEDGER.c.event_id))) == 2
    await assert_true(database)
    assert await letters(client, state="kept") == []
    assert (await get(client, "/books/auto"))["dead_letters"] == 0
    assert (await settle_letter(client, letter, "retry", ME)).status_code == 409
    assert (await settle_letter(client, letter, "dismissal", {**ME, "reason": "too late"})).status_code == 409


async def test_the_owner_of_the_partition_is_fenced_by_a_retry_and_only_by_one_that_counts(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = Feed()
    register(feed, "c1")
    (batch,) = feed.pending()
    letter = await bury(database, batch.records[0])
    place = ("risk", batch.topic, batch.partition)

    async def moves(epoch: int, offset: int) -> bool:
        async with database.transaction() as tx:
            return await positions.advance(tx, HOUSE, *place, epoch, offset, offset + 1)

    assert (await settle_letter(client, letter, "retry", ME)).status_code == 409
    assert await moves(1, 1), "nothing has changed for the owner"
    opening = Feed()
    opening.open_book()
    await settle(database, opening)
    assert (await settle_letter(client, letter, "retry", ME)).status_code == 200
    assert not await moves(1, 2), "what the owner may have in memory does not count any more"


async def test_another_body_under_a_known_id_can_only_be_dismissed(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed = Feed()
    small_book(feed)
    repay(feed, "l1", "c1", "2020-02-15")
    await settle(database, feed)
    before = await rows_of(database, select(COUNTER))
    for amount in ("1.00", "2.00"):
        repay(feed, "l1", "c1", "2020-02-15", amount=amount)
    await settle(database, feed)
    first, second = await letters(client, book="auto")
    again = await settle_letter(client, first["id"], "retry", ME)
    assert (again.status_code, again.json()["detail"]) == (409, "the ledger has another body under the same id")
    for letter, degraded in ((first, True), (second, False)):
        done = await settle_letter(client, letter["id"], "dismissal", {**ME, "reason": "sent twice"})
        assert (done.status_code, done.json()["comment"]) == (200, "sent twice")
        assert (await get(client, "/clients/c1", book="auto"))["degraded"] is degraded, "both must be settled"
    assert [(one["state"], one["comment"]) for one in await letters(client)] == [("dismissed", "sent twice")] * 2
    assert await rows_of(database, select(COUNTER)) == before


async def test_bad_requests_about_letters(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    assert (await settle_letter(client, "0" * 32, "retry", ME)).status_code == 404
    assert (await settle_letter(client, "0" * 32, "dismissal", {**ME, "reason": "x"})).status_code == 404
    wrong: dict[str, list[dict[str, str]]] = {"retry": [{}, {**ME, "x": "y"}], "dismissal": [ME, {**ME, "reason": ""}]}
    for path, body in ((path, body) for path, bodies in wrong.items() for body in bodies):
        assert (await settle_letter(client, "0" * 32, path, body)).status_code == 422
    assert (await settle_letter(client, "x", "retry", ME)).status_code == 422
    elsewhere = Record("tocsin.elsewhere", 0, 0, b"k", (), b"", 0)
    letter = await bury(database, elsewhere)
    gone = await settle_letter(client, letter, "retry", ME)
    assert (gone.status_code, gone.json()["title"]) == (409, "The topic is not read any more")


async def test_a_letter_keeps_its_record_as_it_lay(database: AnyDatabase) -> None:
    feed = Feed()
    fact = facts.LoanChargedOff(book="auto", value_date=date(2020, 3, 1), loan="l1")
    record = feed.fact(fact, "c1", "off")
    await bury(database, record)
    (row,) = await rows_of(database, select(DEAD_LETTER))
    assert DeadLetter(*row).record._replace(timestamp_ms=0) == record


async def test_a_letter_says_whose_event_it_was_and_where_it_broke_and_is_told_so(database: AnyDatabase) -> None:
    feed = Feed()
    register(feed, "c1")
    (batch,) = feed.pending()
    with pytest.raises(Poison) as raised:
        await fold_one(database, batch)
    async with database.transaction() as tx:
        await keep_dead_letter(tx, batch.records[0], raised.value)
        told = await outbox.unsent(tx, HOUSE, Topic.RISK_DEAD_LETTERS, batch.partition, 2)
    (row,) = await rows_of(database, select(DEAD_LETTER))
    assert (row.event_id, row.producer) == (event_id("c1-registered"), SOURCE)
    assert [line.split(":")[0] for line in row.stack.splitlines()][-2:] == ["services.risk.handlers.fold"] * 2
    assert row.stack.endswith(" _terms")
    ((_, message),) = told
    body = msgspec.json.decode(message.value, type=MessageDeadLettered)
    assert (body.origin_topic, body.origin_partition, body.origin_offset) == (batch.topic, batch.partition, 0)
    assert (body.event_id, body.producer, body.stack) == (row.event_id, row.producer, row.stack)


@pytest.mark.parametrize(
    "damage",
    [
        {"ce_client": b"a\0b"},
        {"ce_client": b"c" * 100_000},
        {"ce_book": b"\0", "ce_type": b"t" * 9_000},
        {"ce_id": b"\0" * 3_000_000},
        {"ce_time": b"9999-12-31T23:59:59-14:00"},
        {"ce_knownat": b"0001-01-01T00:00:00+14:00"},
        {"traceparent": b"\0"},
        {"ce_id": b"\xff"},
    ],
    ids=("nul", "long", "type", "id", "time", "known_at", "trace", "no text"),
)
async def test_whatever_a_message_says_of_itself_it_can_be_kept(
    database: AnyDatabase, client: httpx.AsyncClient, damage: dict[str, bytes]
) -> None:
    feed = Feed()
    register(feed, "c1")
    (batch,) = feed.pending()
    record = batch.records[0]
    headers = {**dict(record.headers), **damage}
    damaged = record._replace(headers=tuple(headers.items()), key=b"\xff\0" * 1_000_000)
    letter = await bury(database, damaged, "a\0b")
    (kept,) = await letters(client)
    assert (kept["id"], kept["error"]) == (letter, "Poison: a?b")
    (outgoing,) = await rows_of(database, select(HOUSE.outbox))
    check_sizes([Outgoing(outgoing.topic, 0, outgoing.key.encode(), (("", outgoing.headers),), outgoing.value)])


async def everything(database: AnyDatabase) -> list[Any]:
    """Every row of every table."""
    return [await rows_of(database, select(table)) for table in METADATA.sorted_tables]


async def test_a_preview_says_what_a_replay_would_change_and_changes_nothing(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    """A repayment that was buried: the loan is late without it."""
    feed = Feed()
    small_book(feed)
    await apply_policy(database, POLICY)
    await settle(database, feed)
    repay(feed, "l1", "c1", "2020-02-15")
    (batch,) = feed.pending()
    feed.close("2020-03-01")
    letter = await bury(database, batch.records[0])
    await settle(database, feed)
    before = await everything(database)
    previewed = await get(client, f"/dead-letters/{letter}/preview")
    assert await everything(database) == before
    assert (previewed["would"], previewed["error"], previewed["more"]) == ("digest", "", 0)
    changes = {(one["kind"], one["name"]): (one["before"], one["after"]) for one in previewed["changes"]}
    was, would_be = changes["loan", "auto/l1"]
    assert (was["status"], was["dpd"], was["arrears"], was["paid"]) == ("active", 16, "100.00 USD", "0.00 USD")
    assert (would_be["dpd"], would_be["arrears"], would_be["paid"]) == (0, "0.00 USD", "100.00 USD")
    assert changes["client", "auto/c1"] == (
        {"kind": "person", "alias_of": "", "degraded": True},
        {"kind": "person", "alias_of": "", "degraded": False},
    )
    (fact,) = [after for (kind, _), (_, after) in changes.items() if kind == "fact"]
    assert (fact["type"], fact["subject"]) == ("tocsin.repayment.received.v1", "loan/auto/l1")
    assert changes["counter", "par30_loans portfolio USD 2020-03-17"] == ({"value": 10}, {"value": 9})
    assert changes["counter", "missed_loans region=TX USD 2020-02-29"] == ({"value": 5}, {"value": 4})
    ((_, alert),) = [change for (kind, _), change in changes.items() if kind == "alert"]
    assert (alert["indicator"], alert["segment"], alert["waits_for_evaluation"]) == (
        "missed_payment_rate",
        "portfolio",
        True,
    )

    kept = await rows_of(database, select(COUNTER))
    assert (await settle_letter(client, letter, "replay", ME)).status_code == 200
    assert await rows_of(database, select(COUNTER)) != kept
    loan = await get(client, "/loans/l1", book="auto")
    assert (loan["dpd"], loan["arrears"], loan["paid"]) == (0, "0.00", "100.00")
    assert (await client.get(f"{RISK}/dead-letters/{letter}/preview")).status_code == 409, "it is settled"


async def test_a_preview_says_why_a_replay_would_fail(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed = Feed()
    register(feed, "c1")
    (batch,) = feed.pending()
    letter = await bury(database, batch.records[0])
    previewed = await get(client, f"/dead-letters/{letter}/preview")
    assert (previewed["would"], previewed["changes"]) == ("fail", [])
    assert "not known in this lane" in previewed["error"]
    assert (await get(client, f"/dead-letters/{letter}"))["state"] == "kept"
    assert (await client.get(f"{RISK}/dead-letters/{'0' * 32}/preview")).status_code == 404
    assert (await client.get(f"{RISK}/dead-letters/{'0' * 32}")).status_code == 404


async def test_figures_and_alerts_that_may_lack_a_message_say_so_until_it_is_settled(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    """Of one client in TX: what counts it is marked, what cannot is not."""
    feed = Feed()
    small_book(feed)
    await apply_policy(database, POLICY)
    feed.close("2020-02-29")
    await settle(database, feed)

    async def degraded() -> dict[str, bool]:
        found = {
            segment: (await get(client, "/indicators/par30/series", book="auto", segment=segment))["degraded"]
            for segment in ("portfolio", "region=TX", "region=CA")
        }
        (alert,) = (await get(client, "/alerts", book="auto"))["items"]
        assert (await get(client, f"/alerts/{alert['id']}"))["degraded"] is alert["degraded"]
        return {**found, "alert": alert["degraded"]}

    assert await degraded() == {"portfolio": False, "region=TX": False, "region=CA": False, "alert": False}
    repay(feed, "l1", "c1", "2020-02-15")
    (batch,) = feed.pending()
    letter = await bury(database, batch.records[0])
    assert await degraded() == {"portfolio": True, "region=TX": True, "region=CA": False, "alert": True}
    assert (await settle_letter(client, letter, "dismissal", {**ME, "reason": "sent twice"})).status_code == 200
    assert not any((await degraded()).values())
    stranger = Feed()
    register(stranger, "c99")
    (batch,) = stranger.pending()
    await bury(database, batch.records[0]._replace(offset=99))
    assert all((await degraded()).values()), "nothing is known of its segments"
