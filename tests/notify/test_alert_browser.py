"""The alert's page in a real browser: at a phone's width in both languages, at a desk, and on paper."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from services.feedback.api.words import WORDS as FEEDBACK_WORDS
from services.notify.api.page_words import WORDS
from shared.db import migrate
from shared.db.sqlite import open_sqlite
from shared.events.base import Topic
from shared.events.feedback import VerdictGiven
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.security.keys import KeyRing
from tests.feedback.house import House as FeedbackHouse
from tests.notify.house import CAUSE, House, alert
from tests.notify.test_alert_page import EXPLANATION, Visitor
from tests.support.browsing import check_page, phone, served_on_loopback

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_officer_reads_and_acknowledges_an_alert_on_a_phone(
    small: House, tmp_path: Path, language: str
) -> None:
    await small.people()
    await small.risk(alert(level="amber", value=0.176, numerator=164, denominator=931, explanation=EXPLANATION))
    await small.risk(alert("worsened", 2, value=0.205, numerator=191, denominator=931, explanation=EXPLANATION))
    visitor = Visitor(small, tmp_path)
    async with served_on_loopback(visitor.app) as url, phone(language) as page:
        await page.goto(url + visitor.path())
        await page.screenshot(path=tmp_path / f"alert-{language}.png", full_page=True)
        await expect(page.locator("svg.chart.small")).to_be_visible()
        await expect(page.locator("svg.chart.large")).to_be_hidden()
        await page.get_by_text(WORDS["as_table"][language]).tap()
        await page.locator("ol.turns summary").first.tap()
        await check_page(page, tmp_path / f"alert-opened-{language}.png")
        await page.get_by_label(WORDS["ack_comment"][language]).fill("x" * 1_001)
        await page.get_by_role("button", name=WORDS["ack_send"][language]).tap()
        await expect(page.get_by_role("alert")).to_contain_text("1001")
        await page.get_by_label(WORDS["ack_comment"][language]).fill("三个经销商 <b>")
        await page.get_by_role("button", name=WORDS["ack_send"][language]).tap()
        await expect(page.get_by_role("status")).to_have_text(WORDS["ack_sent"][language])
        await check_page(page, tmp_path / f"alert-sent-{language}.png")
        await page.locator("a.language").tap()
        await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans" if language == "en" else "en")
        await page.set_viewport_size({"width": 1000, "height": 900})
        await expect(page.locator("svg.chart.large")).to_be_visible()
        await page.screenshot(path=tmp_path / f"alert-desk-{language}.png", full_page=True)
        await page.emulate_media(media="print")
        assert await page.locator("form:visible").count() == 0
        await page.pdf(path=tmp_path / f"alert-{language}.pdf")
    (asked,) = await visitor.asked()
    assert asked.comment == "三个经销商 <b>"


async def test_verdict_and_remark_go_to_feedback_by_the_same_link_and_there_is_a_way_back(
    small: House, tmp_path: Path
) -> None:
    language = "zh"
    told = alert(value=0.205, numerator=191, denominator=931, explanation=EXPLANATION)
    await small.risk(told)
    visitor = Visitor(small, tmp_path)
    database = open_sqlite(None, small.clock)
    try:
        await migrate.upgrade(database, "services.feedback")
        feedback = FeedbackHouse(database, small.clock, tmp_path)
        await feedback.tell(Topic.RISK, (CAUSE, "", told))
        both = make_app([visitor.service, feedback.service], KeyRing(tmp_path / "keys.json"), Health(), "test")
        async with served_on_loopback(both) as url, phone(language) as page:
            await page.goto(url + visitor.path())
            await page.get_by_label(WORDS["verdict_true"][language]).tap()
            await page.get_by_label(WORDS["outcome_label"][language]).select_option("contacted")
            await page.get_by_label(WORDS["comment_label"][language], exact=True).fill("三个经销商 <b>")
            await page.get_by_role("button", name=WORDS["verdict_send"][language]).tap()
            await expect(page.get_by_role("status")).to_have_text(FEEDBACK_WORDS["done_verdict"][language])
            await page.get_by_role("link", name=FEEDBACK_WORDS["alert_back"][language]).tap()
            await page.get_by_label(WORDS["remark_label"][language]).fill("three dealers")
            await page.get_by_role("button", name=WORDS["remark_send"][language]).tap()
            await expect(page.get_by_role("status")).to_have_text(FEEDBACK_WORDS["done_remark"][language])
        (given,) = [one for one in await feedback.sent() if isinstance(one, VerdictGiven)]
    finally:
        await database.close()
    assert (given.verdict, given.outcome, given.comment, given.by) == ("true", "contacted", "三个经销商 <b>", "anna")
