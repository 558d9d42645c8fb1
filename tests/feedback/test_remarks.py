"""Remarks on alerts, loans and projects: kept with author and time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.events.base import Topic
from tests.feedback.house import ALERT, House, revised

GOOD = {"book": "auto", "kind": "loan", "subject": "L-1/2", "by": "officer-7", "text": "called, will pay on Friday"}


async def test_a_remark_is_kept_with_author_and_time(house: House) -> None:
    await house.open_book()
    left = await house.post("/remarks", GOOD)
    assert left.status_code == 201, left.text
    assert left.json() | {"remark": ""} == {
        **GOOD,
        "remark": "",
        "author": "staff",
        "survey": None,
        "at": "2024-06-10T12:00:00Z",
    }
    assert (await house.post("/remarks", GOOD)).status_code == 200
    house.clock.advance(86_400)
    assert (await house.post("/remarks", GOOD)).status_code == 201
    found = (await house.get("/remarks", book="auto", kind="loan", subject="L-1/2", author="staff")).json()["items"]
    assert [one["at"] for one in found] == ["2024-06-10T12:00:00Z", "2024-06-11T12:00:00Z"]
    assert (await house.get("/remarks", subject="L-2")).json()["items"] == []


async def test_a_body_without_end_is_refused_as_too_large(house: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1_000_000

    headers = {"content-type": "application/json"}
    refused = await house.client.post("/feedback/v1/remarks", content=endless(), headers=headers)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (413, "body-too-large")


async def test_remarks_are_paged(house: House) -> None:
    await house.open_book()
    for number in range(5):
        await house.post("/remarks", GOOD | {"text": f"{number}"})
        house.clock.advance(1)
    first = (await house.get("/remarks", limit=3)).json()
    rest = (await house.get("/remarks", limit=3, cursor=first["next"])).json()
    assert [one["text"] for one in (*first["items"], *rest["items"])] == ["0", "1", "2", "3", "4"]
    assert rest["next"] is None


async def test_a_remark_on_what_is_not_known_is_refused(small_house: House) -> None:
    house = small_house
    assert (await house.post("/remarks", GOOD)).json()["type"].endswith("unknown-book")
    await house.open_book()
    on_alert = GOOD | {"kind": "alert", "subject": ALERT}
    assert (await house.post("/remarks", on_alert)).json()["type"].endswith("unknown-alert")
    await house.tell(Topic.RISK, revised())
    assert (await house.post("/remarks", on_alert)).status_code == 201


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"text": ""}, {"/text"}),
        ({"text": "x" * 2_001, "kind": "client"}, {"/text", "/kind"}),
        ({"text": "a\x1bb", "by": "", "subject": "a b", "book": "é"}, {"/text", "/by", "/subject", "/book"}),
    ],
)
async def test_a_wrong_remark_is_refused_with_everything_that_is_wrong(
    small_house: House, wrong: dict[str, Any], pointers: set[str]
) -> None:
    refused = await small_house.post("/remarks", GOOD | wrong)
    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == pointers
