"""The officer's page: verdicts and remarks on an alert, from notify's page of it or from its own."""

from typing import Any

import httpx
import pytest

from services.feedback.api.words import WORDS
from shared.events.base import Topic
from tests.feedback.house import ALERT, House, decided, revised

PAGES = "/feedback/v1/pages/alerts/"


async def send(house: House, token: str, what: str, form: dict[str, Any], **query: str) -> httpx.Response:
    return await house.visitor.post(f"{PAGES}{token}/{what}", data=form, params=query)


async def follow(house: House, answer: httpx.Response) -> httpx.Response:
    """The page that a browser goes to."""
    assert answer.status_code == 303, answer.text
    return await house.visitor.get(answer.request.url.join(answer.headers["location"]))


async def test_a_verdict_from_the_page_is_shown_with_what_risk_decided(house: House) -> None:
    await house.tell(Topic.RISK, revised())
    token = house.alert_token()
    form = {"verdict": "true", "outcome": "contacted", "comment": "three <b>dealers</b>"}
    page = await follow(house, await send(house, token, "verdict", form))
    assert page.status_code == 200
    assert WORDS["done_verdict"]["en"] in page.text
    assert "three &lt;b&gt;dealers&lt;/b&gt;" in page.text
    assert WORDS["decision_"]["en"] in page.text
    (shown,) = (await house.get("/verdicts", alert=ALERT)).json()["items"]
    assert (shown["by"], shown["via"], shown["outcome"]) == ("officer-7", "page", "contacted")
    await house.tell(Topic.RISK, decided(shown["request"], "superseded", "withdrawn"))
    later = await house.visitor.get(PAGES + token, params={"lang": "zh"})
    assert WORDS["decision_superseded"]["zh"] in later.text
    assert "20.5%（红色阈值 18%）" in later.text


def said(verdict: str) -> str:
    return WORDS[f"verdict_{verdict}"]["en"]


async def test_a_verdict_that_somebody_changed_is_shown_as_replaced(small_house: House) -> None:
    await small_house.tell(Topic.RISK, revised())
    token = small_house.alert_token()
    for verdict in ("true", "false"):
        await send(small_house, token, "verdict", {"verdict": verdict})
    for one in (await small_house.get("/verdicts", alert=ALERT)).json()["items"]:
        await small_house.tell(Topic.RISK, decided(one["request"], "accepted", "open"))
    page = (await small_house.visitor.get(PAGES + token)).text
    shown = {word: part for part in page.split("<li>") for word in ("true", "false") if f"<strong>{said(word)}" in part}
    assert WORDS["verdict_replaced"]["en"] in shown["true"]
    assert f"· {WORDS['decision_accepted']['en']}<" in shown["false"]


async def test_a_remark_from_the_page(small_house: House) -> None:
    await small_house.tell(Topic.RISK, revised())
    token = small_house.alert_token()
    for _ in range(2):
        page = await follow(
            small_house, await send(small_house, token, "remark", {"text": "see <the> file"}, lang="zh")
        )
    assert WORDS["done_remark"]["zh"] in page.text
    assert "see &lt;the&gt; file" in page.text
    (remark,) = (await small_house.get("/remarks", kind="alert", subject=ALERT)).json()["items"]
    assert (remark["by"], remark["author"], remark["text"]) == ("officer-7", "staff", "see <the> file")


@pytest.mark.parametrize(
    ("what", "form", "keys"),
    [
        ("verdict", {}, ["wrong_verdict_not_chosen"]),
        (
            "verdict",
            {"verdict": "maybe", "outcome": "won", "comment": "\x00"},
            ["wrong_verdict_not_chosen", "wrong_outcome_not_chosen", "wrong_comment_control"],
        ),
        ("verdict", {"verdict": ["true", "false"]}, ["wrong_verdict_not_chosen"]),
        ("verdict", {"verdict": "true", "comment": "x" * 1_001}, ["wrong_comment_too_long"]),
        ("remark", {"text": " \r\n"}, ["wrong_text_nothing"]),
        ("remark", {"text": "x" * 2_001}, ["wrong_text_too_long"]),
        ("remark", {"text": "\x1b"}, ["wrong_text_control"]),
    ],
)
async def test_what_is_wrong_is_named_and_what_was_typed_is_kept(
    small_house: House, what: str, form: dict[str, Any], keys: list[str]
) -> None:
    await small_house.tell(Topic.RISK, revised())
    page = await send(small_house, small_house.alert_token(), what, form)
    assert page.status_code == 422
    filled = {"length": 2_001 if what == "remark" else 1_001, "most": 2_000 if what == "remark" else 1_000}
    assert all(page.text.count(WORDS[key]["en"].format(**filled)) == 2 for key in keys)
    typed = form.get("comment" if what == "verdict" else "text", "").strip()
    assert typed.replace("\x00", "\ufffd").replace("\x1b", "\ufffd") in page.text
    assert await small_house.sent() == []


async def test_the_pages_links_lead_where_they_should(small_house: House) -> None:
    await small_house.tell(Topic.RISK, revised())
    token = small_house.alert_token()
    shown = await small_house.visitor.get(PAGES + token)
    wrong = await send(small_house, token, "verdict", {})
    # Whatever a post is answered with, the other language is a page that can be looked at.
    refusals = [
        await send(small_house, token[:-2], "verdict", {}),
        await send(small_house, small_house.alert_token(lasts_s=-1), "remark", {}),
        await send(small_house, token, "remark", {"text": "x" * 70_000}),
        await send(small_house, small_house.alert_token("0b" * 16), "verdict", {"verdict": "true"}),
    ]
    for page in (wrong, *refusals):
        other = page.text.split('class="language" href="')[1].split('"')[0]
        assert (await small_house.visitor.get(page.request.url.join(other))).headers["content-type"].startswith("text/")
    for page in (shown, wrong):
        targets = [part.split('"')[0] for name in ("href", "action") for part in page.text.split(f'{name}="')[1:]]
        paths = {page.request.url.join(target).path for target in targets if not target.startswith("#")}
        here = PAGES + token
        assert paths == {here, f"{here}/verdict", f"{here}/remark", f"/notify/v1/pages/alerts/{token}"}


async def test_an_alert_that_is_not_known_yet_is_asked_for_again(small_house: House) -> None:
    token = small_house.alert_token()
    for answer in (
        await small_house.visitor.get(PAGES + token),
        await send(small_house, token, "verdict", {"verdict": "true"}),
        await send(small_house, token, "remark", {"text": "x"}),
    ):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert WORDS["alert_unknown"]["en"] in answer.text


async def test_links_that_do_not_open_answer_politely(small_house: House) -> None:
    await small_house.tell(Topic.RISK, revised())
    token, form = small_house.alert_token(), {"verdict": "true", "text": "x"}
    survey = small_house.links.token("survey", ALERT, "officer-7", small_house.clock.now().replace(year=2030))
    for bad in (token[:-2], survey):
        assert (await small_house.visitor.get(PAGES + bad)).status_code == 404
        assert {(await send(small_house, bad, what, form)).status_code for what in ("verdict", "remark")} == {404}
    small_house.clock.advance(3_601)
    assert (await small_house.visitor.get(PAGES + token)).status_code == 410
    assert {(await send(small_house, token, what, form)).status_code for what in ("verdict", "remark")} == {410}
    assert await small_house.sent() == []
    assert (await send(small_house, small_house.alert_token(), "remark", {"text": "x" * 70_000})).status_code == 413
