"""The alert's page in a real browser: at a phone's width in both languages, at a desk, and on paper."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from services.notify.api.page_words import WORDS
from tests.notify.house import House, alert
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
        await check_page(page, tmp_path / f"alert-{language}.png")
        await expect(page.locator("svg.chart.small")).to_be_visible()
        await expect(page.locator("svg.chart.large")).to_be_hidden()
        await page.get_by_text(WORDS["as_table"][language]).tap()
        await page.locator("ol.turns summary").first.tap()
        await check_page(page, tmp_path / f"alert-opened-{language}.png")
        await page.get_by_label(WORDS["ack_comment"][language]).fill("x" * 1_001)
        await page.get_by_role("button", name=WORDS["ack_send"][language]).tap()
        await expect(page.get_by_role("alert")).to_contain_text("1001")
        await check_page(page, tmp_path / f"alert-wrong-{language}.png")
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
