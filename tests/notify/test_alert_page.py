"""The alert's page: what it shows to whom, in both languages, and what becomes of what is posted from it."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from services.notify.api.page_words import WORDS
from services.notify.app import build
from services.notify.store.tables import HOUSE
from shared.db import outbox
from shared.events.base import Topic
from shared.events.notify import AcknowledgementRequested
from shared.events.risk import AlertRequestDecided
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Platform
from shared.security.keys import KeyRing
from tests.notify.house import ALERT, NOW, House, alert
from tests.support.asgi import client_of

NASTY = '<script>alert("x")</script>'
MONTHS = [f"{2024 + number // 12}-{number % 12 + 1:02d}" for number in range(4, 26)]
VALUES = [0.081, 0.084, 0.09, 0.088, 0.102, 0.11, 0.108, 0.115, 0.121, 0.118, 0.126, 0.131, 0.128, 0.139, 0.142, 0.138,
          0.147, 0.155, 0.161, 0.17, 0.176, 0.205]  # fmt: skip
EXPLANATION: dict[str, Any] = {
    "title": "Missed payments",
    "counted": "loans",
    "basis": "count",
    "direction": "above",
    "rule": "missed",
    "amber": {"enter": 0.13, "leave": 0.11},
    "red": {"enter": 0.18, "leave": 0.14},
    "before": {
        "period": "2026-01",
        "value": 0.176,
        "change": 0.029,
        "splits": [
            {
                "attribute": "region",
                "rest": -0.002,
                "rest_segments": 4,
                "contributions": [
                    {"segment": f"region={name}", "contribution": part, "value": 0.3, "value_before": 0.2}
                    for name, part in (("TX", 0.021), ("CA", 0.008), ("NASTY", 0.002))
                ],
            }
        ],
    },
    "top": [
        {"id": f"L-{number}", "what": f"{number} days past due", "what_zh": f"逾期 {number} 天",
         "amount_minor": 1_234_567 * number, "currency": "USD"}
        for number in (61, 45, 31)
    ],
    "parts": {"paid_ahead": 12},
    "data_as_of": "2026-02-26",
    "data_age_days": 2,
    "notes": ["Payment holidays end in March."],
    "notes_zh": ["还款假期将于三月结束。"],
    "peak_level": "red",
    "series": [
        {"period": month, "as_of": f"{month}-28", "value": value, "numerator": round(value * 931), "denominator": 931,
         "level": "red" if value >= 0.18 else "amber" if value >= 0.13 else "none", "final": month != "2026-02"}
        for month, value in zip(MONTHS, VALUES, strict=True)
    ],
}  # fmt: skip


class Visitor:
    """Somebody with a link, and the house that it leads to."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        platform = Platform(log=open_sqlite_log(None), clock=house.clock, partitions=2, owner="test")
        self.service = build(house.settings, platform, house.database)
        self.app: FastAPI = make_app([self.service], KeyRing(folder / "keys.json"), Health(), "test")
        self.client: httpx.AsyncClient = client_of(self.app)

    def path(self, holder: str = "anna", lasts: timedelta = timedelta(days=1), subject: str = ALERT) -> str:
        token = self.house.desk.links.token("alert", subject, holder, NOW + lasts)
        return f"/notify/v1/pages/alerts/{token}"

    async def page(self, language: str = "en", **others: Any) -> str:
        answer = await self.client.get(self.path(**others), params={"lang": language})
        assert answer.status_code == 200, answer.text
        return answer.text

    async def acknowledge(self, comment: str = "", **others: Any) -> httpx.Response:
        return await self.client.post(f"{self.path(**others)}/acknowledgement", data={"comment": comment})

    async def asked(self) -> list[AcknowledgementRequested]:
        found = []
        async with self.house.database.read() as tx:
            for lane in range(2):
                found += [record for _, record in await outbox.unsent(tx, HOUSE, Topic.NOTIFY, lane, 100)]
        return [msgspec.json.decode(record.value, type=AcknowledgementRequested) for record in found]

    async def decide(self, decision: str, number: int = 0, state: str = "open") -> None:
        (request,) = [one.request for one in (await self.asked())[number : number + 1]]
        values: dict[str, Any] = {"kind": "acknowledgement", "decision": decision, "state": state}
        await self.house.risk(
            AlertRequestDecided(request=request, alert=ALERT, by="anna", decided_at=NOW, **values),
        )


@pytest.fixture
async def visitor(small: House, tmp_path: Path) -> Visitor:
    await small.people()
    await small.risk(alert(value=0.205, numerator=191, denominator=931, explanation=EXPLANATION))
    return Visitor(small, tmp_path)


def plain(html: str) -> str:
    """Return what a reader reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)).split())


async def test_the_page_says_what_why_and_since_when_in_both_languages(visitor: Visitor) -> None:
    english, chinese = plain(await visitor.page("en")), plain(await visitor.page("zh"))
    for said in (
        "red open", "Missed payments, book auto", "reached 20.5 % in 2026-02", "191 of 931 loans", "credit officer",
        "demo v1 rule missed", "2026-02-26 2 days before", "Payment holidays end", "17.6 %", "+2.9 points",
        "TX", "20.0 % → 30.0 %", "4 others together", "\u22120.2 points", "L-61 · 753,085.87 USD 61 days past due",
        "Paid ahead 12", "Opened", "known since 2026-03-04 10:00 UTC", "I have seen it and take it",
    ):  # fmt: skip
        assert said in english, said
    for said in (
        "红色预警 进行中",
        "账簿 auto 的未按期还款率",
        "191/931 笔贷款",
        "还款假期",
        "逾期 61 天",
        "我已知悉并负责处理",
    ):
        assert said in chinese, said
    assert "Payment holidays" not in chinese


async def test_the_chart_has_a_name_a_description_and_a_table(visitor: Visitor) -> None:
    page = await visitor.page()
    assert page.count('role="img"') == 2
    assert '<title id="chart-large-title">Value against its levels: Missed payments, book auto</title>' in page
    assert "22 periods from 2024-05 to 2026-02; the latest value is 20.5\u00a0%." in page
    for month in MONTHS:
        assert page.count(f'<th scope="row">{month}') == 1
    assert page.count("dot red hollow") == 2


async def test_an_alert_without_an_explanation_or_with_another_shape_has_a_page(small: House, tmp_path: Path) -> None:
    shapes: list[dict[str, Any]] = [
        {}, {"series": "none", "amber": 3}, {"series": [{"period": "2026-02"}], "before": None},
        {"basis": "exposure", "currency": "XXX", "counted": "things", "parts": {"a_b": 1}, "direction": "below",
         "red": {"enter": -0.2, "leave": 0.1}, "series": [{"period": "2026-02", "value": -0.5, "level": "odd"}]},
    ]  # fmt: skip
    for revision, explanation in enumerate(shapes, 1):
        await small.risk(alert("opened" if revision == 1 else "continued", revision, explanation=explanation))
        visitor = Visitor(small, tmp_path)
        for language in ("en", "zh"):
            page = await visitor.page(language)
            assert ("20.5" in page, "None" in plain(page)) == (True, False)


async def test_everything_that_is_filled_in_is_escaped(small: House, tmp_path: Path) -> None:
    text = msgspec.json.encode(EXPLANATION).decode().replace("TX", "<script>").replace("Payment", "<script>")
    explanation = msgspec.json.decode(text)
    explanation["series"][0]["period"] = explanation["rule"] = explanation["top"][0]["id"] = NASTY
    await small.risk(alert(sentence=NASTY, sentence_zh=NASTY, owner=NASTY, explanation=explanation))
    visitor = Visitor(small, tmp_path)
    await visitor.acknowledge(NASTY)
    for language in ("en", "zh"):
        page = await visitor.page(language, holder=NASTY)
        assert "<script" not in page
        assert page.count("&lt;script&gt;") >= 7


async def test_opening_a_page_records_nothing_and_nothing_is_fetched_from_elsewhere(visitor: Visitor) -> None:
    answer = await visitor.client.get(visitor.path())
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert await visitor.asked() == []
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert "<script" not in answer.text


async def test_an_acknowledgement_is_asked_of_risk_once_and_the_page_says_what_became_of_it(visitor: Visitor) -> None:
    for _ in range(2):
        answer = await visitor.acknowledge("calling\r\nthe dealers\x00")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("../")
    (asked,) = await visitor.asked()
    assert (asked.alert, asked.by, asked.comment) == (ALERT, "anna", "calling\nthe dealers")
    waiting = await visitor.page()
    assert "Asked for by anna on 2026-03-04 10:00 UTC. Risk has not answered yet" in waiting
    assert "ack-comment" not in waiting
    assert "ack-comment" in await visitor.page(holder="bo")
    await visitor.decide("accepted")
    await visitor.house.risk(alert("acknowledged", 2))
    for holder in ("anna", "bo"):
        page = await visitor.page(holder=holder)
        assert "Acknowledged by anna on 2026-03-04 10:00 UTC." in page
        assert "calling\nthe dealers" in page
        assert "ack-comment" not in page


async def test_an_acknowledgement_that_came_too_late_is_said(visitor: Visitor) -> None:
    await visitor.acknowledge()
    await visitor.house.risk(alert("closed", 2))
    await visitor.decide("superseded", state="closed")
    page = await visitor.page("zh")
    assert WORDS["ack_superseded"]["zh"] in page
    assert WORDS["ack_over"]["zh"] in page
    assert "ack-comment" not in page
    assert "已解除" in plain(page)


async def test_the_course_of_an_alert_is_listed_with_the_latest_first(visitor: Visitor) -> None:
    for revision in range(2, 54):
        await visitor.house.risk(alert("continued", revision, value=0.2, as_of=date(2026, 2, 28)))
    page = await visitor.page()
    assert re.findall(r"(\d+) · known", page) == [str(number) for number in range(53, 3, -1)]
    assert WORDS["earlier"]["en"] in page
    assert "revision 53" in page


async def test_links_that_are_forged_expired_cut_or_about_nothing_are_answered_politely(visitor: Visitor) -> None:
    good = visitor.path()
    client = visitor.client
    other = visitor.house.desk.links.token("survey", ALERT, "anna", NOW + timedelta(days=1))
    for path in (good[:-1], good[:-20], f"{good}x", "/notify/v1/pages/alerts/x", f"/notify/v1/pages/alerts/{other}",
                 "/notify/v1/pages/alerts/" + "é%00" * 50):  # fmt: skip
        for answer in (await client.get(path), await client.post(f"{path}/acknowledgement", data={"comment": "x"})):
            assert (answer.status_code, "This link does not work" in answer.text) == (404, True), path
    expired = await client.get(visitor.path(lasts=timedelta(0)), headers={"accept-language": "zh-CN,en;q=0.5"})
    assert (expired.status_code, "此链接已过期" in expired.text) == (410, True)
    late = await visitor.acknowledge(lasts=timedelta(seconds=-1))
    assert late.status_code == 410
    gone = await client.get(visitor.path(subject="f" * 32))
    assert (gone.status_code, (await visitor.acknowledge(subject="f" * 32)).status_code) == (410, 410)
    assert await visitor.asked() == []


async def test_a_comment_that_is_too_long_is_given_back_and_a_huge_form_refused(visitor: Visitor) -> None:
    long = "<b>" + "x" * 1_000
    answer = await visitor.acknowledge(long)
    assert answer.status_code == 422
    assert "1003 characters; at most 1000" in answer.text
    assert "&lt;b&gt;" + "x" * 1_000 in answer.text
    assert (await visitor.acknowledge("x" * 100_000)).status_code == 413
    assert await visitor.asked() == []
    posted = await visitor.client.post(f"{visitor.path()}/acknowledgement", content=b"\xff\x00", headers={})
    assert posted.status_code == 303
