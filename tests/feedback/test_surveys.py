"""Surveys over HTTP: who was asked and who was not, answers, and what they come to by month."""

from typing import Any

import pytest

from shared.events.base import Topic
from tests.feedback.house import House, contact, loan_closed

PAGE = "/feedback/v1/pages/surveys/"
ANSWERS = [{"csat": "5", "nps": "10"}, {"csat": "2", "nps": "3", "text": "too slow"}, {"text": "only words"}, None]


async def answered(house: House) -> None:
    """Four clients are asked, on the last of May and the third of June; three answer."""
    await house.open_book()
    for number, form in enumerate(ANSWERS):
        client, day = f"C{number}", "2024-05-30" if number < 2 else "2024-06-02"
        await house.tell(Topic.CONTACTS, contact(client))
        await house.tell(Topic.INTAKE, loan_closed(f"L{number}", client, day))
        await house.close(day)
        (survey,) = await house.surveys(client=client)
        if form is not None:
            expires = house.clock.now().replace(microsecond=0, day=24)
            token = house.links.token("survey", survey["survey"], client, expires)
            assert (await house.visitor.post(PAGE + token, data=form)).status_code == 200


async def test_results_by_month_of_the_invitation(house: House) -> None:
    await answered(house)
    results = (await house.get("/surveys/results", book="auto")).json()
    may, june = results["periods"]
    assert (may["period"], may["invited"], may["answered"], may["response_rate"]) == ("2024-05", 2, 2, 1.0)
    assert (may["csat"], may["csat_mean"], may["nps"]) == (0.5, 3.5, 0.0)
    assert (june["invited"], june["answered"], june["csat"], june["nps"]) == (2, 1, None, None)
    total = results["total"]
    assert (total["period"], total["invited"], total["response_rate"]) == ("2023-07/2024-06", 4, 0.75)
    june_only = (await house.get("/surveys/results", **{"book": "auto", "from": "2024-06", "to": "2024-06"})).json()
    assert [one["period"] for one in june_only["periods"]] == ["2024-06"]


async def test_surveys_are_listed_filtered_and_paged(house: House) -> None:
    await answered(house)
    await house.tell(Topic.INTAKE, loan_closed("L9", "C9", "2024-06-02"), loan_closed("L8", "C8", "2024-06-20"))
    await house.decide()
    assert [one["loan"] for one in await house.surveys(state="skipped", reason="no_consent")] == ["L9"]
    assert [one["loan"] for one in await house.surveys(state="waiting", occasion="loan_closed")] == ["L8"]
    assert [one["client"] for one in await house.surveys(state="answered", client="C1", book="auto")] == ["C1"]
    pages = [(await house.get("/surveys", limit=4)).json()]
    pages.append((await house.get("/surveys", limit=4, cursor=pages[0]["next"])).json())
    found = [one["loan"] for page in pages for one in page["items"]]
    assert sorted(found) == ["L0", "L1", "L2", "L3", "L8", "L9"]
    assert pages[1]["next"] is None


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"book": "other"}, 404),
        ({}, 422),
        ({"book": "auto", "from": "2024-13"}, 422),
        ({"book": "auto", "from": "2024-07", "to": "2024-06"}, 422),
        ({"book": "auto", "from": "2010-01", "to": "2024-06"}, 422),
        ({"book": "auto", "from": "1900-01", "to": "1900-02"}, 200),
    ],
)
async def test_results_that_cannot_be_are_refused(small_house: House, query: dict[str, Any], status: int) -> None:
    await small_house.open_book()
    assert (await small_house.get("/surveys/results", **query)).status_code == status


async def test_a_survey_that_is_not_there(small_house: House) -> None:
    assert (await small_house.get(f"/surveys/{'0' * 32}")).status_code == 404
    assert (await small_house.get("/surveys/x")).status_code == 422
