"""`tocsin demo`: what it says, and its report on the screen, on a phone, in the dark and in print."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.conftest import Demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def said(demo: Demo) -> str:
    return " ".join(demo.out.split())


def test_it_tells_each_turn_with_date_book_indicator_segment_value_parts_and_why(demo: Demo) -> None:
    assert "2020-04-30 red auto · missed_payment_rate · portfolio 20.5 %" in said(demo)
    assert "reached 20.5 % (191 of 931 loans) in 2020-04, red from 18.0 % by policy demo v1. It rose by 9.4" in said(
        demo
    )
    assert "2015-02-28 amber projects · project_slip_rate · portfolio 51.9 %" in said(demo)
    dates = re.findall(r"^(\d{4}-\d\d-\d\d)  (?:amber|red|closed)", demo.out, re.MULTILINE)
    auto, projects = dates[:-2], dates[-2:]
    assert (auto, projects) == (sorted(auto), sorted(projects))


def test_an_officer_acknowledges_by_the_link_of_a_message_before_the_alert_ends(demo: Demo) -> None:
    assert demo.out.index("acknowledged on the page behind") < demo.out.index("2020-08-31")
    alerts = demo.front.run("alerts", "list", "--json").json()
    acknowledged = [(one["indicator"], one["as_of"]) for one in alerts if one["acknowledged"]]
    assert acknowledged == [("missed_payment_rate", "2020-04-30")]


def test_it_shows_a_message_as_it_arrived_and_what_came_back(demo: Demo) -> None:
    assert "the message as it arrived by e-mail: to avery@lender.example" in said(demo)
    assert "AMBER: Missed payments, book auto, 2018-09" in said(demo)
    assert "verdicts: 6 true, 2 false" in said(demo)
    assert "demo v1 missed-payments: 33.3 % of 3 judged" in said(demo)
    assert re.search(
        r"signed webhook calls \(0 refused\), [1-9]\d* invitations to clients; [1-9]\d* surveys", said(demo)
    )
    assert "are made up; loans and projects are real" in said(demo)


def test_it_ends_with_a_summary_and_says_how_to_go_on(demo: Demo) -> None:
    assert "53,222 facts in" in said(demo)
    assert "8 alerts: 5 reached red, 3 amber; 3 still open" in said(demo)
    assert "auto: 28 rows rejected (loan_id: no payments" in said(demo)
    assert "export TOCSIN_DATA=" in said(demo)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: run deploy/dev/debian-packages")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened_page(browser: Browser, demo: Demo, **options: Any) -> Page:
    page = browser.new_page(**options)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: pytest.fail(message.text))
    page.goto(demo.report.as_uri())
    assert asked == [demo.report.as_uri()], "the report asks for something else"
    return page


@pytest.mark.parametrize(("width", "shown"), [(1100, "wide"), (390, "narrow")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_fits_the_screen_and_shows_one_drawing_of_each_chart(
    browser: Browser, demo: Demo, width: int, shown: str, scheme: Any
) -> None:
    page = opened_page(browser, demo, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("section.indicator").count() == 6
    for kind in ("wide", "narrow"):
        for chart in page.locator(f"svg.chart.{kind}").all():
            assert chart.is_visible() == (kind == shown)
    text_px = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.chart text')].map(t => t.getBoundingClientRect().height)"
        ".filter(h => h > 0))"
    )
    assert text_px >= 10
    background, ink = (
        page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color")
    )
    assert (brightness(background) < brightness(ink)) == (scheme == "dark")
    assert len(page.screenshot()) > 20_000


def test_the_report_names_every_alert_with_its_reason_and_its_drivers(browser: Browser, demo: Demo) -> None:
    page = opened_page(browser, demo)
    alerts = page.locator("article.alert")
    assert alerts.count() == 8
    assert page.locator("#auto-missed_payment_rate-count article .drivers").count() == 3
    texts = page.locator("#auto-missed_payment_rate-count svg.wide text").all_text_contents()
    assert {"Sep 2018 amber 14.1\u00a0%", "Jun 2019 amber 16.1\u00a0%", "Apr 2020 red 20.5\u00a0%"} <= set(texts)
    answers = page.locator("#answers").inner_text()
    assert "was acknowledged on the page behind the link by avery" in answers
    assert "made up" in answers
    assert page.locator("#answers .precision tbody tr").count() == 6
    assert "no payments: closed before the tape begins" in page.content()


def test_the_report_prints_on_a4(browser: Browser, demo: Demo) -> None:
    page = opened_page(browser, demo, color_scheme="dark")
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert re.search(rb"/MediaBox\s*\[\s*0 0 59[45]\.?\d* 84[12]\.?\d*", pdf)
    page.emulate_media(media="print")
    assert brightness(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 250


def brightness(colour: str) -> float:
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3
