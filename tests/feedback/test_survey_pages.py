"""The client's page: looking records nothing, sending records once, and whatever is typed gets a clear page."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.feedback.api.words import WORDS
from shared.events.base import Topic
from shared.events.feedback import SurveyAnswered
from tests.feedback.house import House, contact

PAGE = "/feedback/v1/pages/surveys/"
GOOD = {"csat": "4", "nps": "9", "text": "All went well.\r\nThank you"}


async def look(house: House, token: str, **query: str) -> httpx.Response:
    return await house.visitor.get(PAGE + token, params=query)


async def send(house: House, token: str, form: dict[str, Any], **query: str) -> httpx.Response:
    return await house.visitor.post(PAGE + token, data=form, params=query)


async def state_of(house: House) -> str:
    (survey,) = await house.surveys()
    return str(survey["state"])


async def test_looking_records_nothing_and_sending_records_once(house: House) -> None:
    token = await house.invited()
    for _ in range(2):
        page = await look(house, token)
        assert (page.status_code, await state_of(house)) == (200, "invited")
    assert "L1" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "form-action 'self'" in page.headers["content-security-policy"]
    thanks = await send(house, token, GOOD)
    assert (thanks.status_code, WORDS["thanks"]["en"] in thanks.text) == (200, True)
    again = await send(house, token, {"csat": "1"})
    assert (again.status_code, WORDS["used"]["en"] in again.text) == (410, True)
    assert (await look(house, token)).status_code == 410
    (shown,) = await house.surveys(state="answered")
    assert (shown["csat"], shown["nps"], shown["answered_on"]) == (4, 9, "2024-06-04")
    told = (await house.get(f"/surveys/{shown['survey']}")).json()
    assert told["text"] == "All went well.\nThank you"
    (answered,) = [one for one in await house.sent() if isinstance(one, SurveyAnswered)]
    assert (answered.survey, answered.csat, answered.nps, answered.commented) == (shown["survey"], 4, 9, True)
    (remark,) = (await house.get("/remarks", kind="loan", subject="L1")).json()["items"]
    assert (remark["author"], remark["by"], remark["survey"]) == ("client", "C1", shown["survey"])
    assert (remark["text"], remark["at"]) == ("All went well.\nThank you", "2024-06-10T12:00:00Z")


@pytest.mark.parametrize("form", [{"csat": "5"}, {"nps": "0"}, {"text": "x"}])
async def test_every_question_may_be_left_out_but_not_all(small_house: House, form: dict[str, str]) -> None:
    token = await small_house.invited()
    nothing = await send(small_house, token, {"csat": "", "text": "  \r\n "})
    assert (nothing.status_code, WORDS["wrong__nothing"]["en"] in nothing.text) == (422, True)
    assert (await send(small_house, token, form)).status_code == 200


async def test_of_many_answers_at_once_one_is_kept(house: House) -> None:
    token = await house.invited()
    pages = await asyncio.gather(*(send(house, token, {"csat": str(1 + n % 5), "text": f"{n}"}) for n in range(8)))
    assert sorted(page.status_code for page in pages) == [200, *[410] * 7]
    assert len([one for one in await house.sent() if isinstance(one, SurveyAnswered)]) == 1
    assert len((await house.get("/remarks")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("form", "keys"),
    [
        ({"csat": "6"}, ["wrong_csat_not_chosen"]),
        ({"csat": "0"}, ["wrong_csat_not_chosen"]),
        ({"csat": "-1", "nps": "11"}, ["wrong_csat_not_chosen", "wrong_nps_not_chosen"]),
        ({"csat": ["1", "5"]}, ["wrong_csat_not_chosen"]),
        ({"nps": "５"}, ["wrong_nps_not_chosen"]),
        ({"nps": "1e1", "csat": "4.0"}, ["wrong_csat_not_chosen", "wrong_nps_not_chosen"]),
        ({"text": "a\x00b\x1b[31m"}, ["wrong_text_control"]),
        ({"csat": "<script>", "nps": "9", "text": "x" * 2_001}, ["wrong_csat_not_chosen", "wrong_text_too_long"]),
    ],
)
async def test_wrong_answers_are_all_named_at_once_and_nothing_is_recorded(
    small_house: House, form: dict[str, Any], keys: list[str]
) -> None:
    token = await small_house.invited()
    for language in ("en", "zh"):
        page = await send(small_house, token, form, lang=language)
        assert page.status_code == 422
        filled = {"length": 2_001, "most": 2_000}
        # Each is said in the list on top and beside its field.
        assert [page.text.count(WORDS[key][language].format(**filled)) for key in keys] == [2] * len(keys)
        assert page.text.count('class="fault"') == len(keys)
    assert await state_of(small_house) == "invited"


async def test_what_was_typed_is_kept_and_escaped(small_house: House) -> None:
    token = await small_house.invited()
    typed = '</textarea><script>alert(1)</script> "quoted" & \x07 bell'
    page = await send(small_house, token, {"csat": "4", "nps": "10", "text": typed})
    assert page.status_code == 422
    assert "<script>alert" not in page.text
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt; &#34;quoted&#34; &amp; \ufffd bell" in page.text
    assert 'name="csat" value="4" checked' in page.text
    assert 'name="nps" value="10" checked' in page.text
    assert page.text.count(" checked>") == 2
    assert (await send(small_house, token, {"text": typed.replace("\x07", "")})).status_code == 200


async def test_a_form_that_nobody_types_is_refused(small_house: House) -> None:
    token = await small_house.invited()
    huge = await send(small_house, token, {"text": "x" * 70_000})
    assert (huge.status_code, WORDS["too_large"]["en"] in huge.text) == (413, True)
    many = await small_house.visitor.post(PAGE + token, content="&".join(["a=b"] * 60))
    assert many.status_code == 413
    for body, kind in ((b"\xff\xfe=\xff", "application/x-www-form-urlencoded"), (b'{"csat": 5}', "application/json")):
        page = await small_house.visitor.post(PAGE + token, content=body, headers={"content-type": kind})
        assert page.status_code == 422
    assert await state_of(small_house) == "invited"


async def test_links_that_do_not_open_answer_politely(small_house: House) -> None:
    house = small_house
    token = await house.invited()
    (survey,) = await house.surveys()
    later = house.clock.now() + timedelta(days=1)
    for bad in (token[:-1], token[:10], "x", "%00", "é", house.links.token("alert", survey["survey"], "C1", later)):
        for answer in (await look(house, bad), await send(house, bad, GOOD)):
            assert answer.status_code == 404, bad
            assert "does not work" in answer.text
    for strange in (
        house.links.token("survey", "0" * 32, "C1", later),
        house.links.token("survey", survey["survey"], "C2", later),
    ):
        assert (await look(house, strange)).status_code == 410
        assert (await send(house, strange, GOOD)).status_code == 410
    house.clock.advance(15 * 86_400)
    for answer in (await look(house, token), await send(house, token, GOOD, lang="zh")):
        assert answer.status_code == 410
    assert "此链接已过期" in answer.text
    assert await state_of(house) == "invited"


async def test_the_page_speaks_the_clients_language_unless_asked_otherwise(small_house: House) -> None:
    token = await small_house.invited()
    await small_house.tell(Topic.CONTACTS, contact("C1", version=2, language="zh"))
    for query, title in (({}, "您的体验如何"), ({"lang": "en"}, "How did it go"), ({"lang": "zh"}, "您的体验如何")):
        assert title in (await look(small_house, token, **query)).text


def test_every_word_is_there_in_both_languages() -> None:
    assert all(set(texts) == {"en", "zh"} for texts in WORDS.values())
