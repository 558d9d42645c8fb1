"""Notify over HTTP: the directory, silences, messages, what was held, inboxes, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.notify.api import make_router
from services.notify.api.edge import Front
from services.notify.domain.delivery import Outcome, Report
from services.notify.store.tables import HOUSE
from services.notify.wording import Wordings
from shared.db import outbox
from shared.log.lanes import lane_of
from shared.log.sqlite import open_sqlite_log
from shared.runtime.bell import Bell
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Platform, Service
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.notify.house import ALERT, CAUSE, PEOPLE, House, alert, contact, survey
from tests.support.asgi import client_of

NOTIFY = "/notify/v1"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
YAML = {"content-type": "application/yaml"}


@pytest.fixture
async def client(small: House, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with every right."""
    log = open_sqlite_log(None)
    platform = Platform(log=log, clock=small.clock, partitions=2, owner="me")
    bells = tuple(small.bells.values())
    desk = small.desk
    front = Front(small.database, platform, small.settings, desk.links, Bell(), desk, Wordings(), Bell(), bells)
    service = Service("notify", make_router(front), small.database, HOUSE, Bell())
    keys = KeyRing(tmp_path / "keys.json")
    _, secret = keys.add("tests", RIGHTS, "2026-01-01")
    async with client_of(make_app([service], keys, Health(), "0"), secret) as opened:
        yield opened
    await log.close()


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    response = await client.get(NOTIFY + path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


BODIES: dict[str, dict[str, Any]] = {
    "people": {"name": "Anna", "email": "anna@bank.example", "hours": {"from": "08:00", "to": "16:00"}},
    "teams": {"members": ["anna"]},
    "endpoints": {"url": "https://chat.example/hook", "secrets": [SECRET]},
    "routes": {"teams": ["desk"], "match": {"levels": ["red"]}},
}


@pytest.mark.parametrize("kind", BODIES)
async def test_entries_are_put_shown_changed_and_removed(client: httpx.AsyncClient, kind: str) -> None:
    place, body = f"{NOTIFY}/{kind}/one", BODIES[kind]
    created = await client.put(place, json=body)
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    assert (await client.put(place, json=body)).status_code == 200
    shown = await client.get(place)
    assert (shown.headers["etag"], shown.json()["origin"]) == ('"1"', "http")
    assert (await client.put(place, json=body, headers={"If-Match": '"7"'})).status_code == 412
    assert (await client.put(f"{NOTIFY}/{kind}/two", json=body)).status_code == 201
    first = await get(client, f"/{kind}", limit=1)
    assert [one["id"] for one in first["items"]] == ["one"]
    second = await get(client, f"/{kind}", limit=1, cursor=first["next"])
    assert ([one["id"] for one in second["items"]], second["next"]) == (["two"], None)
    assert (await client.delete(place, headers={"If-Match": '"7"'})).status_code == 412
    assert (await client.delete(place)).json() == {"id": "one", "outcome": "removed"}
    assert (await client.delete(place)).status_code == 404
    assert (await client.get(place)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("people/a", {"language": "fr", "email": "a\r\nBcc: x@y", "time_zone": "x", "nick": ""}, 4),
        ("people/a", {"hours": {"from": "18:00", "to": "09:00"}}, 1),
        ("people/a", {"name": "a\nb", "roles": ["a b"]}, 2),
        ("endpoints/a", {"url": "javascript:x", "secrets": ["short"]}, 3),
        ("endpoints/a", {"url": "https://u:p@host/", "secrets": []}, 2),
        ("routes/a", {"order": 1}, 1),
        ("routes/a", {"owner": True, "channels": ["pigeon"], "match": {"levels": ["none"]}}, 2),
        ("teams/a", {"members": ["../x"] * 2}, 2),
    ],
)
async def test_everything_that_is_wrong_is_said_at_once(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], pointers: int
) -> None:
    refused = await client.put(f"{NOTIFY}/{path}", json=body)
    assert refused.status_code == 422
    assert len(refused.json()["errors"]) == pointers, refused.text


async def test_secrets_are_shown_once_and_rotated(client: httpx.AsyncClient) -> None:
    place = f"{NOTIFY}/endpoints/chat"
    put = await client.put(place, json=BODIES["endpoints"])
    rotated = await client.post(f"{place}/secrets", json={"keep": 1})
    fresh = rotated.json()["secret"]
    assert rotated.status_code == 201
    shown = await client.get(place)
    assert len(shown.json()["secrets"]) == 2
    assert shown.json()["secrets"][1] == put.json()["secrets"][0]
    for text in (put.text, shown.text, (await client.get(f"{NOTIFY}/endpoints")).text):
        assert SECRET not in text
        assert fresh not in text
    only = await client.post(f"{place}/secrets", json={"keep": 0})
    assert len(only.json()["endpoint"]["secrets"]) == 1
    assert (await client.post(f"{NOTIFY}/endpoints/none/secrets", json={})).status_code == 404


async def test_a_file_over_http_converges_and_keeps_what_it_names(client: httpx.AsyncClient) -> None:
    applied = await client.put(f"{NOTIFY}/provisioning", content=PEOPLE, headers=YAML)
    assert applied.json() == {"created": 6, "changed": 0, "removed": 0, "unchanged": 0}
    again = await client.put(f"{NOTIFY}/provisioning", content=PEOPLE, headers=YAML)
    assert again.json()["unchanged"] == 6
    for refused in (
        await client.put(f"{NOTIFY}/people/anna", json={}),
        await client.delete(f"{NOTIFY}/people/anna"),
        await client.post(f"{NOTIFY}/endpoints/chat/secrets", json={}),
    ):
        assert (refused.status_code, refused.json()["type"][-13:]) == (409, "entry-of-file")
    wrong = await client.put(f"{NOTIFY}/provisioning", content=PEOPLE + "  a: {}\n  b: {}\n", headers=YAML)
    assert [one["pointer"] for one in wrong.json()["errors"]] == ["line 12", "line 13"]
    assert (await client.put(f"{NOTIFY}/provisioning", content=b"\xff", headers=YAML)).status_code == 422
    assert (await client.put(f"{NOTIFY}/provisioning", json={})).status_code == 415
    assert (await client.put(f"{NOTIFY}/provisioning", content=b"#" * 4_000_001, headers=YAML)).status_code == 413


SILENCE = {"match": {"books": ["auto"]}, "author": "anna", "comment": "known", "ends_at": "2026-03-04T12:00:00Z"}


async def test_a_silence_drops_what_is_listed_with_its_reason_until_it_ends(
    client: httpx.AsyncClient, small: House
) -> None:
    began = await client.post(f"{NOTIFY}/silences", json=SILENCE)
    assert began.status_code == 201
    name = began.json()["id"]
    await small.risk(alert())
    held = (await get(client, "/held"))["items"]
    assert [(one["state"], one["reason"], one["silence"]) for one in held] == [("dropped", "silenced", name)]
    assert await small.compose() == 0
    assert [one["id"] for one in (await get(client, "/silences"))["items"]] == [name]
    ended = await client.delete(f"{NOTIFY}/silences/{name}", params={"by": "bo"})
    assert ended.json()["ended_by"] == "bo"
    assert (await get(client, "/silences"))["items"] == []
    assert [one["ended_by"] for one in (await get(client, "/silences", over=True))["items"]] == ["bo"]
    await small.risk(alert("worsened", 2))
    assert await small.compose() == 1
    assert (await client.delete(f"{NOTIFY}/silences/{'0' * 32}", params={"by": "bo"})).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"match": {}},
        {"comment": ""},
        {"ends_at": "2026-03-04T10:00:00Z"},
        {"ends_at": "2026-03-04T12:00:00"},
        {"starts_at": "2026-03-04T13:00:00Z"},
    ],
)
async def test_a_silence_names_what_until_when_and_why(client: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    assert (await client.post(f"{NOTIFY}/silences", json={**SILENCE, **fields})).status_code == 422


async def test_messages_with_all_attempts_and_sending_again(client: httpx.AsyncClient, small: House) -> None:
    await small.people()
    small.channels["email"].answers["anna@bank.example"] = [Report(Outcome.UNKNOWN, "broke off")]
    await small.risk(alert())
    await small.send()
    pages = [await get(client, "/messages", limit=3)]
    pages.append(await get(client, "/messages", limit=3, cursor=pages[0]["next"]))
    assert [len(page["items"]) for page in pages] == [3, 2]
    (unknown,) = (await get(client, "/messages", state="unknown", alert=ALERT, recipient="anna"))["items"]
    assert (await get(client, "/messages", alert="0" * 32))["items"] == []
    place = f"{NOTIFY}/messages/{unknown['id']}"
    assert (await client.post(f"{place}/resend", json={"by": "bo"})).status_code == 202
    await small.send()
    told = await get(client, f"/messages/{unknown['id']}")
    made = [(one["number"], one["by"], one["outcome"]) for one in told["attempts_made"]]
    assert (told["state"], made) == ("sent", [(1, "", "unknown"), (2, "bo", "sent")])
    assert [(one["subject"], one["purpose"], one["route"]) for one in told["notices"]] == [(ALERT, "opened", "red")]
    assert "/pages/alerts/…" in told["text"], "the key in the link is for its reader only"
    assert (await client.post(f"{place}/resend", json={"by": "bo"})).status_code == 409
    assert (await client.post(f"{NOTIFY}/messages/{'0' * 32}/resend", json={"by": "bo"})).status_code == 404
    assert (await client.get(f"{NOTIFY}/messages/{'0' * 32}")).status_code == 404


async def test_what_a_client_is_told_is_not_for_staff(client: httpx.AsyncClient, small: House) -> None:
    await small.contacts(contact())
    await small.feedback(survey())
    await small.send()
    (one,) = (await get(client, "/messages", audience="client"))["items"]
    told = await client.get(f"{NOTIFY}/messages/{one['id']}")
    for secret in ("Li (synthetic)", "li@example.org", "/pages/surveys/"):
        assert secret not in told.text
    assert told.json()["recipient"] == "auto/C-1"


async def test_an_inbox_is_read_and_its_alerts_taken_on(client: httpx.AsyncClient, small: House) -> None:
    await small.people()
    await small.risk(alert())
    assert (await get(client, "/inbox/anna"))["items"] == []
    await small.send()
    (item,) = (await get(client, "/inbox/anna"))["items"]
    assert item["alerts"] == [ALERT]
    token = item["text"].partition("/pages/alerts/")[2].split()[0]
    assert small.desk.links.open("alert", token, small.clock.now()).holder == "anna"
    place = f"{NOTIFY}/inbox/anna/{item['id']}/acknowledgements"
    asked = [await client.post(place, json={"comment": "on it"}) for _ in range(2)]
    assert [one.status_code for one in asked] == [202, 202]
    assert asked[0].json() == asked[1].json()
    async with small.database.read() as tx:
        unsent = await outbox.unsent(tx, HOUSE, "tocsin.notify", lane_of(CAUSE, 2), 10)
    types = [dict(record.headers)["ce_type"].decode() for _, record in unsent]
    assert types == ["tocsin.alert.planned.v1", "tocsin.acknowledgement.requested.v1"], "one request for both"
    for other in (
        f"{NOTIFY}/inbox/bo/{item['id']}/acknowledgements",
        f"{NOTIFY}/inbox/anna/{'0' * 32}/acknowledgements",
    ):
        assert (await client.post(other, json={})).status_code == 404
    assert (await client.post(place, json={"alert": "0" * 32})).status_code == 404


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/messages", {"cursor": "none-of-ours"}),
        ("/messages", {"state": "lost"}),
        ("/held", {"reason": "because"}),
        ("/silences", {"cursor": "xx"}),
        ("/inbox/a b", {}),
        ("/messages/zz", {}),
    ],
)
async def test_parameters_that_are_none_of_ours_are_refused(
    client: httpx.AsyncClient, path: str, query: dict[str, str]
) -> None:
    assert (await client.get(NOTIFY + path, params=query)).status_code == 422
