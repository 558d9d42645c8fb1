"""Verdicts: given over HTTP or from a page, kept with their history, decided by risk."""

import asyncio
from typing import Any

import pytest

from shared.events.base import Topic
from shared.events.feedback import VerdictGiven
from tests.feedback.house import ALERT, House, decided, revised

GOOD = {"verdict": "true", "by": "officer-7", "outcome": "contacted", "comment": "three dealers stopped paying"}


async def verdicts(house: House, **wanted: Any) -> list[dict[str, Any]]:
    answer = await house.get("/verdicts", **wanted)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_verdict_is_kept_and_asked_of_risk(house: House) -> None:
    await house.tell(Topic.RISK, revised())
    given = await house.post(f"/alerts/{ALERT}/verdicts", GOOD)
    assert given.status_code == 201, given.text
    shown = given.json()
    assert (shown["book"], shown["indicator"], shown["via"]) == ("auto", "missed_payment_rate", "api")
    assert (shown["decision"], shown["number"]) == (None, 1)
    (told,) = await house.sent()
    assert isinstance(told, VerdictGiven)
    assert (told.request, told.alert, told.verdict, told.by) == (shown["request"], ALERT, "true", "officer-7")
    assert (told.outcome, told.comment) == ("contacted", "three dealers stopped paying")


async def test_risks_decision_is_shown_and_the_first_one_stands(house: House) -> None:
    await house.tell(Topic.RISK, revised(state="withdrawn"))
    request = (await house.post("/verdicts", {**GOOD, "alert": ALERT})).json()["request"]
    await house.tell(Topic.RISK, decided(request, kind="acknowledgement"))
    assert (await verdicts(house))[0]["decision"] is None
    await house.tell(Topic.RISK, decided(request, "superseded", "withdrawn"), decided(request, "repeated"))
    (shown,) = await verdicts(house, decision="superseded")
    assert (shown["decision"], shown["alert_state"]) == ("superseded", "withdrawn")
    assert shown["decided_at"] == "2024-06-10T12:00:00Z"


async def test_the_same_word_is_no_new_verdict_and_a_changed_mind_is(house: House) -> None:
    await house.tell(Topic.RISK, revised())
    first = await house.post("/verdicts", {**GOOD, "alert": ALERT})
    again = await house.post(f"/alerts/{ALERT}/verdicts", GOOD)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    house.clock.advance(60)
    changed = await house.post(f"/alerts/{ALERT}/verdicts", GOOD | {"verdict": "false"})
    house.clock.advance(60)
    back = await house.post(f"/alerts/{ALERT}/verdicts", GOOD)
    assert [one.json()["number"] for one in (changed, back)] == [2, 3]
    other = await house.post(f"/alerts/{ALERT}/verdicts", GOOD | {"by": "officer-8"})
    assert other.json()["number"] == 1
    kept = await verdicts(house, alert=ALERT, by="officer-7")
    assert [(one["number"], one["verdict"]) for one in kept] == [(1, "true"), (2, "false"), (3, "true")]
    assert len({one.request for one in await house.sent() if isinstance(one, VerdictGiven)}) == 4


async def test_verdicts_at_once_are_numbered_one_by_one(house: House) -> None:
    await house.tell(Topic.RISK, revised())
    posts = (house.post(f"/alerts/{ALERT}/verdicts", GOOD | {"comment": f"{number % 4}"}) for number in range(8))
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} <= {200, 201}
    kept = await verdicts(house)
    assert sorted(one["number"] for one in kept) == list(range(1, len(kept) + 1))
    assert len(await house.sent()) == len(kept)


async def test_an_idempotency_key_makes_the_same_request_one(small_house: House) -> None:
    await small_house.tell(Topic.RISK, revised())
    posts = [await small_house.post(f"/alerts/{ALERT}/verdicts", GOOD, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert [post.status_code for post in posts] == [201, 201]
    assert posts[0].json() == posts[1].json()


async def test_a_verdict_on_what_is_not_there_stores_nothing(small_house: House) -> None:
    unknown = await small_house.post(f"/alerts/{ALERT}/verdicts", GOOD)
    assert (unknown.status_code, unknown.json()["type"].rpartition("/")[2]) == (404, "unknown-alert")
    assert await small_house.sent() == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/verdict", "/by"}),
        (GOOD | {"verdict": "maybe", "outcome": "won", "by": "a b"}, {"/verdict", "/outcome", "/by"}),
        (GOOD | {"comment": "x" * 1_001}, {"/comment"}),
        (GOOD | {"comment": "a\x00b"}, {"/comment"}),
        (GOOD | {"more": 1}, {"/more"}),
    ],
)
async def test_a_wrong_verdict_is_refused_with_everything_that_is_wrong(
    small_house: House, body: dict[str, Any], pointers: set[str]
) -> None:
    refused = await small_house.post(f"/alerts/{ALERT}/verdicts", body)
    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == pointers


async def test_an_older_revision_of_an_alert_changes_nothing(house: House) -> None:
    await house.tell(Topic.RISK, revised(revision=2, indicator="par30"), revised(revision=1))
    await house.tell(Topic.RISK, revised(revision=2, indicator="par30"), revised(revision=1))
    shown = (await house.post(f"/alerts/{ALERT}/verdicts", GOOD)).json()
    assert shown["indicator"] == "par30"


async def test_lists_are_paged_and_filtered(house: House) -> None:
    other = "0b" * 16
    await house.tell(Topic.RISK, revised(), revised(other, indicator="par90"))
    for number in range(5):
        alert = ALERT if number % 2 else other
        await house.post(f"/alerts/{alert}/verdicts", GOOD | {"by": f"o{number}"})
        house.clock.advance(1)
    seen, cursor = [], None
    while True:
        page = (await house.get("/verdicts", limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen += [one["by"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == ["o0", "o1", "o2", "o3", "o4"]
    assert [one["by"] for one in await verdicts(house, indicator="par90")] == ["o0", "o2", "o4"]
    assert [one["by"] for one in await verdicts(house, by="o3", book="auto", verdict="true")] == ["o3"]
    assert (await house.get("/verdicts", cursor="xx")).status_code == 422
