"""A client answers on a phone, in both languages, with fingers and by keyboard; an officer judges an alert."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from services.feedback.api.words import WORDS
from shared.events.base import Topic
from shared.events.feedback import SurveyAnswered, VerdictGiven
from tests.feedback.house import ALERT, House, contact, revised
from tests.support.browsing import check_page, phone, served_on_loopback

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_client_answers_a_survey_on_a_phone(small_house: House, tmp_path: Path, language: str) -> None:
    house = small_house
    token = await house.invited()
    await house.tell(Topic.CONTACTS, contact("C1", version=2, language=language))
    async with served_on_loopback(house.app) as url, phone() as page:
        await page.goto(f"{url}/feedback/v1/pages/surveys/{token}")
        await expect(page).to_have_title(WORDS["survey_title"][language])
        await check_page(page, tmp_path / f"survey-{language}.png")
        await page.get_by_role("button", name=WORDS["send"][language]).tap()
        await expect(page.locator(".wrong")).to_contain_text(WORDS["wrong__nothing"][language])
        await page.get_by_label(WORDS["csat_4"][language], exact=True).tap()
        await page.get_by_label("9", exact=True).tap()
        await page.get_by_label(WORDS["text_legend"][language]).fill("很好 <b>\n" + "x" * 2_000)
        await page.get_by_role("button", name=WORDS["send"][language]).tap()
        filled = WORDS["wrong_text_too_long"][language].format(length=2_007, most=2_000)
        await expect(page.locator(".wrong a")).to_have_text(filled)
        await check_page(page, tmp_path / f"survey-wrong-{language}.png")
        # What was chosen and typed is still there; the link of the fault leads to its field.
        assert await page.get_by_label(WORDS["csat_4"][language], exact=True).is_checked()
        assert await page.get_by_label("9", exact=True).is_checked()
        await page.locator(".wrong a").tap()
        text = page.get_by_label(WORDS["text_legend"][language])
        assert (await text.input_value()).startswith("很好 <b>\nxxx")
        await text.fill("很好 <b>")
        await page.get_by_role("button", name=WORDS["send"][language]).tap()
        await expect(page).to_have_title(WORDS["thanks_title"][language])
        await check_page(page, tmp_path / f"thanks-{language}.png")
        await page.goto(f"{url}/feedback/v1/pages/surveys/{token}")
        await expect(page).to_have_title(WORDS["used_title"][language])
        await page.get_by_role("link").tap()
        await expect(page).to_have_title(WORDS["used_title"]["zh" if language == "en" else "en"])
        await check_page(page, tmp_path / f"used-{language}.png")
    (answered,) = [one for one in await house.sent() if isinstance(one, SurveyAnswered)]
    assert (answered.csat, answered.nps, answered.commented) == (4, 9, True)
    (remark,) = (await house.get("/remarks")).json()["items"]
    assert remark["text"] == "很好 <b>"


async def test_a_survey_can_be_answered_by_keyboard_alone(small_house: House) -> None:
    token = await small_house.invited()
    async with served_on_loopback(small_house.app) as url, phone() as page:
        await page.goto(f"{url}/feedback/v1/pages/surveys/{token}")
        for key in ("Tab", "Tab", "ArrowDown", "Tab", "ArrowRight", "ArrowRight", "Tab", "Tab", "Enter"):
            await page.keyboard.press(key)
        await expect(page).to_have_title(WORDS["thanks_title"]["en"])
    (survey,) = await small_house.surveys()
    assert (survey["csat"], survey["nps"]) == (4, 2)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_officer_judges_an_alert_on_a_phone(small_house: House, tmp_path: Path, language: str) -> None:
    house = small_house
    await house.tell(Topic.RISK, revised())
    token = house.alert_token()
    await house.post(f"/alerts/{ALERT}/verdicts", {"verdict": "unclear", "by": "officer-8", "comment": "let us see"})
    async with served_on_loopback(house.app) as url, phone(language) as page:
        await page.goto(f"{url}/feedback/v1/pages/alerts/{token}")
        await check_page(page, tmp_path / f"alert-{language}.png")
        await page.get_by_role("button", name=WORDS["verdict_send"][language]).tap()
        await expect(page.locator(".wrong a")).to_have_text(WORDS["wrong_verdict_not_chosen"][language])
        await check_page(page, tmp_path / f"alert-wrong-{language}.png")
        await page.get_by_label(WORDS["verdict_true"][language]).tap()
        await page.get_by_label(WORDS["outcome_label"][language]).select_option("contacted")
        await page.get_by_role("button", name=WORDS["verdict_send"][language]).tap()
        await expect(page.get_by_role("status")).to_have_text(WORDS["done_verdict"][language])
        await page.get_by_label(WORDS["remark_label"][language]).fill("three dealers <b>")
        await page.get_by_role("button", name=WORDS["remark_send"][language]).tap()
        await expect(page.get_by_role("status")).to_have_text(WORDS["done_remark"][language])
        await check_page(page, tmp_path / f"alert-done-{language}.png")
    told = [one.verdict for one in await house.sent() if isinstance(one, VerdictGiven)]
    assert told == ["unclear", "true"]
