"""Contacts (D19): versions under the client's key, kept nowhere; no answer repeats what is personal."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from services.intake.domain.contacts import email_problem
from services.intake.store.tables import HOUSE, METADATA
from shared.clock import FrozenClock
from shared.db import migrate, outbox
from shared.db.sqlite import open_sqlite
from shared.events.base import Topic
from shared.events.contacts import Consent, ContactPoint, ContactPut
from shared.events.envelope import from_headers
from shared.log.lanes import lane_of
from tests.intake.conftest import NOW
from tests.intake.house import PARTITIONS, House, client, event

ADDRESS = "ann.lee@example.com"
CONTACT: dict[str, Any] = {
    "book": "auto",
    "language": "zh",
    "name": "Ann Lee",
    "points": [{"channel": "email", "address": ADDRESS}],
    "consents": [{"channel": "email", "purpose": "survey", "given": True, "since": "2024-02-01"}],
}


async def put(house: House, body: Any, client_id: str = "C1") -> httpx.Response:
    return await house.client.put(f"/intake/v1/clients/{client_id}/contact", json=body)


async def sent(house: House) -> list[ContactPut]:
    """Return the contacts that wait to leave, with the envelope that must go with each checked."""
    found = []
    async with house.database.read() as tx:
        for lane in range(PARTITIONS):
            for _, record in await outbox.unsent(tx, HOUSE, Topic.CONTACTS, lane, 100):
                message = msgspec.json.decode(record.value, type=ContactPut)
                envelope = from_headers(record.headers)
                key = f"{message.book}/{message.client}"
                assert (record.key, lane) == (key.encode(), lane_of(key, PARTITIONS))
                assert (envelope.type, envelope.client, envelope.book) == (ContactPut.type, message.client, "auto")
                found.append(message)
    return found


async def known(house: House, *clients: str) -> None:
    await house.open_book()
    await house.take(*(client(one) for one in clients))


async def test_a_contact_leaves_whole_under_its_clients_key(house: House) -> None:
    await known(house, "C1")
    answer = await put(house, CONTACT)
    assert (answer.status_code, answer.json()) == (
        200,
        {"book": "auto", "client": "C1", "version": 1, "effect": "changed"},
    )
    (message,) = await sent(house)
    assert (message.version, message.language, message.name) == (1, "zh", "Ann Lee")
    assert message.points == [ContactPoint(channel="email", address=ADDRESS)]
    (consent,) = message.consents
    assert isinstance(consent, Consent)
    assert (consent.purpose, consent.given, consent.since.isoformat()) == ("survey", True, "2024-02-01")


async def test_versions_rise_with_each_change_and_the_same_again_is_none(house: House) -> None:
    await known(house, "C1", "A/2")
    other = CONTACT | {"points": []}
    told = [(await put(house, body)).json() for body in (CONTACT, CONTACT, other, other, CONTACT)]
    assert [(one["version"], one["effect"]) for one in told] == [
        (1, "changed"), (1, "none"), (2, "changed"), (2, "none"), (3, "changed"),
    ]  # fmt: skip
    assert (await put(house, CONTACT, "A/2")).json()["version"] == 1
    assert sorted((one.client, one.version) for one in await sent(house)) == [
        ("A/2", 1), ("C1", 1), ("C1", 2), ("C1", 3),
    ]  # fmt: skip


async def test_the_contact_of_an_alias_stays_under_its_own_key(small_house: House) -> None:
    await known(small_house, "C1", "C2")
    await small_house.take(event("merge", "client.merged", client="C2", into="C1"))
    assert (await put(small_house, CONTACT, "C2")).json()["client"] == "C2"


async def test_who_is_not_known_is_told_so_and_nothing_waits(house: House) -> None:
    nowhere = await put(house, CONTACT)
    assert (nowhere.status_code, nowhere.json()["type"].rsplit("/", 1)[-1]) == (404, "unknown-book")
    await house.open_book()
    nobody = await put(house, CONTACT)
    assert (nobody.status_code, nobody.json()["type"].rsplit("/", 1)[-1]) == (404, "unknown-client")
    # A fact that waits for the client holds its name; that does not make it known.
    await house.take(event("early", "client.changed", client="C1", attributes={"region": "TX"}))
    assert (await put(house, CONTACT)).status_code == 404
    assert await sent(house) == []
    await house.take(client())
    assert (await put(house, CONTACT)).status_code == 200


async def test_once_sent_nothing_personal_is_left_in_any_table(house: House) -> None:
    await known(house, "C1")
    await put(house, CONTACT)
    async with house.database.transaction() as tx:
        for lane in range(PARTITIONS):
            rows = await outbox.unsent(tx, HOUSE, Topic.CONTACTS, lane, 100)
            await outbox.forget(tx, HOUSE, Topic.CONTACTS, lane, [seq for seq, _ in rows])
    async with house.database.read() as tx:
        tables = {table.name: str(await tx.rows(select(table))) for table in METADATA.sorted_tables}
    assert "C1" in tables["contact"]
    assert [name for name, rows in tables.items() if ADDRESS in rows or "Ann" in rows] == []


async def test_once_sent_nothing_personal_is_left_in_the_file(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "intake.db")
    await migrate.upgrade(database, "services.intake")
    house = House(database, FrozenClock(NOW), tmp_path)
    await known(house, "C1")
    await put(house, CONTACT)
    async with database.transaction() as tx:
        for lane in range(PARTITIONS):
            rows = await outbox.unsent(tx, HOUSE, Topic.CONTACTS, lane, 100)
            await outbox.forget(tx, HOUSE, Topic.CONTACTS, lane, [seq for seq, _ in rows])
    await database.close()
    kept = (tmp_path / "intake.db").read_bytes()
    assert b"C1" in kept
    assert ADDRESS.encode() not in kept


WRONG: list[tuple[dict[str, Any], set[str]]] = [
    ({"language": "de"}, {"/language"}),
    ({"name": "Ann\nLee"}, {"/name"}),
    ({"name": "x" * 129}, {"/name"}),
    ({"phone": "1"}, {"/phone"}),
    ({"points": [{"channel": "fax", "address": ADDRESS}]}, {"/points/0/channel"}),
    ({"points": [{"channel": "email", "address": ADDRESS, "main": True}]}, {"/points/0/main"}),
    ({"points": [{"channel": "email", "address": f"{ADDRESS}\r\nBcc: x@y.org"}]}, {"/points/0/address"}),
    ({"points": [{"channel": "email", "address": ADDRESS}] * 2}, {"/points/1/channel"}),
    ({"points": [{"channel": "email", "address": ADDRESS}] * 21}, {"/points"}),
    ({"consents": CONTACT["consents"] * 2}, {"/consents/1"}),
    ({"consents": [CONTACT["consents"][0] | {"purpose": "ads"}]}, {"/consents/0/purpose"}),
    ({"consents": [CONTACT["consents"][0] | {"since": "2024-03-03"}]}, {"/consents/0/since"}),
    ({"consents": [CONTACT["consents"][0] | {"since": "yesterday"}]}, {"/consents/0/since"}),
    ({"book": "no/slash", "name": " Ann", "language": 7}, {"/book", "/name", "/language"}),
]


@pytest.mark.parametrize(("other", "places"), WRONG, ids=[str(sorted(places)) for _, places in WRONG])
async def test_all_that_is_wrong_is_told_at_once_and_nothing_personal(
    small_house: House, other: dict[str, Any], places: set[str]
) -> None:
    await known(small_house, "C1")
    answer = await put(small_house, CONTACT | other)
    assert answer.status_code == 422, answer.text
    assert {error["pointer"] for error in answer.json()["errors"]} == places
    assert "Ann" not in answer.text
    assert "ann.lee" not in answer.text
    assert await sent(small_house) == []


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 422), (b"[]", 422), (b"\xff", 422), (b'{"book":"auto","points":{}}', 422)]
)
async def test_what_is_no_contact_is_refused(small_house: House, content: bytes, status: int) -> None:
    answer = await small_house.client.put(
        "/intake/v1/clients/C1/contact", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status


@pytest.mark.parametrize("good", [ADDRESS, "a@b.co", "x+tag@sub.example.org", "o'neil@a-b.example", "1@xn--fiq228c.cn"])
def test_addresses_that_are(good: str) -> None:
    assert email_problem(good) is None


@pytest.mark.parametrize(
    "bad",
    ["", "@", "ann", "ann@localhost", "ann@@example.com", ".ann@example.com", "ann.@example.com", "a..b@example.com",
     "ann@-x.com", "ann@x-.com", "ann@10.0.0.1", "ann@[10.0.0.1]", '"ann lee"@example.com', "ann lee@example.com",
     "ann@example.com\n", "ann@example.com\r\nBcc: b@example.com", "<ann@example.com>", "ann@example.com,b@example.com",
     "\u00e4nn@example.com", "ann@ex\u00e4mple.com", "a" * 65 + "@example.com", "a@" + "b" * 64 + ".com",
     "a@" + "b." * 130 + "com", "ann@example.com\x00"],
)  # fmt: skip
def test_addresses_that_are_not(bad: str) -> None:
    assert email_problem(bad) is not None


@given(st.text(max_size=300))
def test_no_text_with_blanks_or_control_characters_is_an_address(text: str) -> None:
    if email_problem(text) is None:
        assert text.isascii()
        assert text.isprintable()
        assert " " not in text
