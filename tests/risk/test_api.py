"""Risk over HTTP: reads as at a day and as known at a moment, policies, acknowledgements, refusals."""

from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.events import facts
from shared.security.keys import KeyRing
from tests.risk.feed import (
    AnyDatabase,
    Feed,
    charge_off,
    evaluate,
    fold,
    repay,
    settle,
    small_book,
)
from tests.risk.front import RISK, get

POLICY = """
policy: demo
books:
  auto:
    - {id: missed, indicator: missed_payment_rate, segments: portfolio, owner: officer, drivers: [region],
       amber: {enter: 30 %, leave: 20 %}, red: {enter: 60 %, leave: 40 %}}
    - {id: gone, indicator: charge_off_rate, segments: portfolio, owner: manager, amber: {enter: 10 %, leave: 5 %}}
"""


async def story(database: AnyDatabase, client: httpx.AsyncClient) -> Feed:
    """A crisis in March that a later repayment makes smaller, and a charge-off in the open month of April."""
    feed = Feed()
    small_book(feed)
    applied = await client.post(f"{RISK}/policies", content=POLICY, headers={"content-type": "text/yaml"})
    assert applied.status_code == 201, applied.text
    for month, payers in (("2020-02", 10), ("2020-03", 3)):
        for number in range(payers):
            repay(feed, f"l{number}", f"c{number}", f"{month}-15")
        feed.close(f"{month}-{29 if month == '2020-02' else 31}")
        await settle(database, feed)
    repay(feed, "l9", "c9", "2020-03-16", known="2020-04-05")
    await settle(database, feed)
    charge_off(feed, "l9", "c9", "2020-04-07")
    await settle(database, feed)
    return feed


async def test_a_series_as_published_as_known_then_and_so_far(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    await story(database, client)
    path = "/indicators/missed_payment_rate/series"
    whole = await get(client, path, book="auto")
    points = {point["period"]: point for point in whole["series"]}
    assert list(points) == ["2020-01", "2020-02", "2020-03", "2020-04"]
    assert (whole["basis"], whole["currency"], whole["unit"]) == ("count", None, "fraction")
    assert (points["2020-01"]["value"], points["2020-01"]["final"]) == (None, True)
    march = points["2020-03"]
    assert (march["value"], march["numerator"], march["denominator"]) == (0.6, 6, 10)
    assert (march["revision"], march["cause"], march["final"]) == (2, "back_dated", True)
    assert march["data_age_days"] == 15
    assert points["2020-04"]["final"] is False
    then = await get(client, path, book="auto", known_at="2020-04-01T00:00:00Z")
    assert [point["period"] for point in then["series"]] == ["2020-01", "2020-02", "2020-03"]
    assert then["series"][-1]["numerator"] == 7
    cut = await get(client, path, book="auto", as_of="2020-03-10")
    assert [(point["period"], point["final"]) for point in cut["series"]][-1] == ("2020-03", False)
    assert cut["series"][-1]["as_of"] == "2020-03-10"
    part = await get(client, path, **{"book": "auto", "from": "2020-02", "to": "2020-03"})
    assert [point["period"] for point in part["series"]] == ["2020-02", "2020-03"]


async def test_series_by_segment_currency_and_day(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    await story(database, client)
    texas = await get(client, "/indicators/missed_payment_rate/series", book="auto", segment="region=TX")
    assert [(point["numerator"], point["denominator"]) for point in texas["series"]][2] == (3, 5)
    nowhere = await get(client, "/indicators/missed_payment_rate/series", book="auto", segment="region=??")
    assert {point["value"] for point in nowhere["series"]} == {None}
    dollars = await get(client, "/indicators/missed_payment_rate/series", book="auto", currency="USD")
    assert [point["value"] for point in dollars["series"]][1:3] == [0.0, 0.6]
    days = await get(
        client, "/indicators/par30/series", book="auto", period_kind="day", **{"from": "2020-04-13"}, as_of="2020-04-16"
    )
    assert days["series"] == [], "the open day is 1 April"
    days = await get(client, "/indicators/par30/series", book="auto", period_kind="day")
    assert (days["series"][-1]["period"], days["series"][-1]["final"]) == ("2020-04-01", False)
    assert days["currency"] == "USD"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"book": "nobody"}, 404),
        ({}, 422),
        ({"book": "auto", "basis": "exposure"}, 422),
        ({"book": "auto", "segment": "state=TX"}, 422),
        ({"book": "auto", "segment": "region"}, 422),
        ({"book": "auto", "segment": "region="}, 422),
        ({"book": "auto", "period_kind": "day"}, 422),
        ({"book": "auto", "from": "2020-13"}, 422),
        ({"book": "auto", "currency": "usd"}, 422),
        ({"book": "auto", "known_at": "2020-01-01T00:00:00"}, 422),
        ({"book": "auto", "known_at": "0.5"}, 422),
        ({"book": "auto", "as_of": "1580000000"}, 422),
    ],
)
async def test_a_series_that_cannot_be(
    database: AnyDatabase, client: httpx.AsyncClient, query: dict[str, str], status: int
) -> None:
    await story(database, client)
    response = await client.get(f"{RISK}/indicators/missed_payment_rate/series", params=query)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


async def test_alerts_as_they_stand_and_as_they_stood(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    await story(database, client)
    now = (await get(client, "/alerts", book="auto"))["items"]
    assert [(one["indicator"], one["level"], one["state"], one["as_of"]) for one in now] == [
        ("missed_payment_rate", "red", "open", "2020-03-31"),
        ("charge_off_rate", "amber", "open", "2020-04-30"),
    ]
    assert now[1]["provisional"] is True
    then = (await get(client, "/alerts", book="auto", known_at="2020-04-01T00:00:00Z"))["items"]
    assert [(one["indicator"], one["value"]) for one in then] == [("missed_payment_rate", 0.7)]
    assert (await get(client, "/alerts", book="auto", as_of="2020-02-29"))["items"] == []
    red = (await get(client, "/alerts", level="red", as_of="2020-12-31"))["items"]
    assert [one["indicator"] for one in red] == ["missed_payment_rate"]
    assert (await get(client, "/alerts", state="closed"))["items"] == []


async def test_one_alert_with_its_revisions_and_an_acknowledgement(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    await story(database, client)
    (alert, _) = (await get(client, "/alerts"))["items"]
    shown = await client.get(f"{RISK}/alerts/{alert['id']}")
    assert shown.headers["etag"] == '"2"'
    assert [(one["change"], one["value"]) for one in shown.json()["revisions"]] == [("opened", 0.7), ("amended", 0.6)]
    place = f"{RISK}/alerts/{alert['id']}/acknowledgements"
    late = await client.post(place, json={"by": "officer-7"}, headers={"if-match": '"1"'})
    assert late.status_code == 412
    done = await client.post(place, json={"by": "officer-7", "comment": "seen"}, headers={"if-match": '"2"'})
    assert (done.status_code, done.headers["etag"], done.json()["acknowledged"]) == (201, '"3"', True)
    assert (await client.post(place, json={"by": "officer-7"})).status_code == 200
    last = (await get(client, f"/alerts/{alert['id']}"))["revisions"][-1]
    assert (last["change"], last["explanation"]) == ("acknowledged", {"by": "officer-7", "comment": "seen"})
    assert (await client.post(place, json={"by": "officer-7", "mood": "calm"})).status_code == 422
    assert (await client.get(f"{RISK}/alerts/{'0' * 32}")).status_code == 404
    assert (await client.post(place.replace(alert["id"], "0" * 32), json={"by": "x"})).status_code == 404


async def test_a_request_with_the_same_key_has_one_effect_and_one_answer(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    await story(database, client)
    (alert, _) = (await get(client, "/alerts"))["items"]
    place, key = f"{RISK}/alerts/{alert['id']}/acknowledgements", {"idempotency-key": "k1"}
    first = await client.post(place, json={"by": "officer-7"}, headers=key)
    again = await client.post(place, json={"by": "officer-7"}, headers=key)
    assert (first.status_code, again.status_code, again.json(), again.headers["etag"]) == (
        201,
        201,
        first.json(),
        '"3"',
    )
    assert (await client.post(place, json={"by": "officer-8"}, headers=key)).status_code == 422
    milder, key = POLICY.replace("30 %", "31 %"), {"idempotency-key": "k2"}
    for text, headers in ((milder, key), (POLICY, {}), (milder, key)):
        assert (await client.post(f"{RISK}/policies", json={"text": text}, headers=headers)).status_code == 201
    assert (await get(client, "/policies/demo"))["version"] == 3, "the repeated request is no fourth version"


async def test_the_feed_page_by_page(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed = await story(database, client)
    seen: list[tuple[str, str]] = []
    after: str | None = None
    while True:
        page = await get(client, "/alert-revisions", limit=1, **({"after": after} if after else {}))
        if not page["items"]:
            break
        seen += [(one["indicator"], one["change"]) for one in page["items"]]
        after = page["next"]
    assert seen == [
        ("missed_payment_rate", "opened"),
        ("missed_payment_rate", "amended"),
        ("charge_off_rate", "opened"),
    ]
    feed.close("2020-04-30")
    await settle(database, feed)
    new = (await get(client, "/alert-revisions", after=after))["items"]
    assert {(one["indicator"], one["change"]) for one in new} == {
        ("missed_payment_rate", "continued"),
        ("charge_off_rate", "confirmed"),
    }


async def test_lists_page_without_gap_or_repeat(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    await story(database, client)
    for path in ("/alerts", "/indicators", "/books", "/policies"):
        whole = (await get(client, path))["items"]
        pages: list[Any] = []
        cursor: str | None = None
        while True:
            page = await get(client, path, limit=1, **({"cursor": cursor} if cursor else {}))
            pages += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert pages == whole
    for path in ("/alerts", "/books", "/policies", "/dead-letters", "/indicators"):
        assert (await client.get(RISK + path, params={"cursor": "nonsense"})).status_code == 422


async def test_a_loan_as_at_a_day_and_as_known_then(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    await story(database, client)
    loan = await get(client, "/loans/l9", book="auto", as_of="2020-04-06")
    assert (loan["status"], loan["principal"], loan["paid"], loan["dpd"]) == ("active", "1000.00", "200.00", 0)
    assert loan["attributes"] == {"region": "TX"}
    assert [fact["type"].split(".")[1] for fact in loan["facts"]] == ["loan", "repayment", "repayment"]
    then = await get(client, "/loans/l9", book="auto", as_of="2020-04-06", known_at="2020-04-01T00:00:00Z")
    assert (then["principal"], then["dpd"], then["oldest_due"]) == ("1100.00", 22, "2020-03-15")
    given_up = await get(client, "/loans/l9", book="auto")
    assert (given_up["status"], given_up["standing"]) == ("charged_off", "defaulted")
    for query in ({"known_at": "2019-01-01T00:00:00Z"}, {"as_of": "2019-01-01"}):
        assert (await client.get(f"{RISK}/loans/l9", params={"book": "auto", **query})).status_code == 404
    assert (await client.get(f"{RISK}/loans/none", params={"book": "auto"})).status_code == 404


async def test_a_client_and_a_project(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed = await story(database, client)
    project = facts.ProjectRegistered(
        book="auto", value_date=date(2020, 1, 2), project="p/0", client="c3", currency="USD"
    )
    feed.fact(project, "c3", "p0")
    for day, forecast in ((date(2020, 1, 10), date(2021, 1, 1)), (date(2020, 3, 10), date(2021, 6, 1))):
        report = facts.ProjectReported(
            book="auto", value_date=day, project="p/0", forecast_completion=forecast, budget="5.5", currency="USD"
        )
        feed.fact(report, "c3", f"report-{day}")
    feed.fact(facts.ClientMerged(book="auto", value_date=date(2020, 3, 1), client="c4", into="c3"), "c4", "merged")
    await settle(database, feed)
    seen = await get(client, "/clients/c3", book="auto", as_of="2020-04-06")
    assert (seen["dpd"], seen["kind"], seen["aliases"], seen["degraded"]) == (22, "person", ["c4"], False)
    assert [loan["loan"] for loan in seen["loans"]] == ["l3"]
    assert [(one["project"], one["slip_days"], one["budget"]) for one in seen["projects"]] == [("p/0", 151, "5.50")]
    assert (await get(client, "/clients/c4", book="auto"))["alias_of"] == "c3"
    assert seen["projects"][0]["milestones"] == []
    milestone = facts.MilestoneReported(
        book="auto", value_date=date(2020, 1, 5), project="p/0", milestone="roof", baseline=date(2020, 2, 20)
    )
    feed.fact(milestone, "c3", "roof")
    await settle(database, feed)
    seen = await get(client, "/projects/p/0", book="auto", as_of="2020-03-01")
    (roof,) = seen["milestones"]
    assert (roof["milestone"], roof["baseline"], roof["days_late"]) == ("roof", "2020-02-20", 10)
    told = await get(client, "/projects/p/0", book="auto", as_of="2020-02-01")
    assert (told["reports"], told["forecast"], told["slip_days"]) == (1, "2021-01-01", None)
    assert (await client.get(f"{RISK}/clients/none", params={"book": "auto"})).status_code == 404
    assert (await client.get(f"{RISK}/projects/none", params={"book": "auto"})).status_code == 404


async def test_books_and_progress(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed = await story(database, client)
    book = await get(client, "/books/auto")
    assert (book["day"], book["closed_through"], book["evaluated_through"]) == (
        "2020-04-01",
        "2020-03-31",
        "2020-03-31",
    )
    assert (book["anomalies"], book["degraded"], book["data_as_of"]) == (0, False, "2020-03-16")
    then = await get(client, "/books/auto", known_at="2020-03-01T00:00:00Z")
    assert then["closed_through"] == "2020-02-29"
    assert (await client.get(f"{RISK}/books/auto", params={"known_at": "2019-01-01T00:00:00Z"})).status_code == 404
    assert (await get(client, "/progress", book="auto")) == {
        "book": "auto",
        "evaluated_through": "2020-03-31",
        "closed_through": "2020-03-31",
        "behind": 0,
    }
    repay(feed, "l1", "c1", "2020-04-15")
    await fold(database, feed)
    assert (await get(client, "/progress", book="auto"))["behind"] == 2, "two segments are marked"
    await evaluate(database)
    assert (await get(client, "/progress"))["behind"] == 0
    assert (await client.get(f"{RISK}/progress", params={"book": "nobody"})).status_code == 404


async def test_policies_are_versioned_and_every_error_has_its_line(client: httpx.AsyncClient) -> None:
    yaml = {"content-type": "text/yaml"}
    first = await client.post(f"{RISK}/policies", content=POLICY, headers=yaml)
    assert (first.status_code, first.json()["version"], first.json()["outcome"]) == (201, 1, "applied")
    again = await client.post(f"{RISK}/policies", json={"text": POLICY})
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    second = await client.post(f"{RISK}/policies", json={"text": POLICY.replace("30 %", "31 %")})
    assert second.json()["version"] == 2
    told = await get(client, "/policies/demo")
    assert (told["version"], [one["version"] for one in told["versions"]], "31 %" in told["text"]) == (2, [1, 2], True)
    wrong = POLICY.replace("missed_payment_rate", "mist").replace("charge_off_rate", "charge")
    refused = await client.post(f"{RISK}/policies", content=wrong, headers=yaml)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["line 5", "line 7"]
    checked = (await client.post(f"{RISK}/policies/checks", content=wrong, headers=yaml)).json()
    assert (checked["valid"], [error["line"] for error in checked["errors"]]) == (False, [5, 7])
    assert (await client.post(f"{RISK}/policies/checks", json={"text": POLICY})).json()["valid"] is True
    assert (await client.get(f"{RISK}/policies/none")).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"\xff\xfe", "text/yaml", 422),
        (b"{", "application/json", 422),
        (b'{"text": 7}', "application/json", 422),
        (b"policy: x", "image/png", 415),
        (b"a" * 1_100_000, "text/yaml", 413),
        (b"", "text/yaml", 422),
        (b"policy: \x00", "text/yaml", 422),
    ],
)
async def test_bodies_that_are_no_policy(client: httpx.AsyncClient, content: bytes, kind: str, status: int) -> None:
    headers = {"content-type": kind}
    assert (await client.post(f"{RISK}/policies", content=content, headers=headers)).status_code == status
    checked = await client.post(f"{RISK}/policies/checks", content=content, headers=headers)
    readable = kind == "text/yaml" and status == 422 and content.isascii()
    assert checked.status_code == (200 if readable else status)


async def test_dead_letters_are_listed(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed = await story(database, client)
    repay(feed, "l1", "c1", "2020-02-15", amount="1.00")
    await settle(database, feed)
    (letter,) = (await get(client, "/dead-letters", book="auto"))["items"]
    assert (letter["reason"], letter["client"], letter["type"]) == (
        "same_id_other_body",
        "c1",
        facts.RepaymentReceived.type,
    )
    assert (await get(client, "/clients/c1", book="auto"))["degraded"] is True
    assert (await get(client, "/books/auto"))["degraded_clients"] == ["c1"]
    assert (await get(client, "/dead-letters", book="other"))["items"] == []


async def test_definitions_are_shown(client: httpx.AsyncClient) -> None:
    items = (await get(client, "/indicators"))["items"]
    assert [one["name"] for one in items][:2] == ["missed_payment_rate", "repayment_delay_rate"]
    one = await get(client, "/indicators/par30")
    assert (one["bases"], one["maturity"], one["period_kinds"]) == (["exposure"], "at_once", ["month", "day"])
    assert (await client.get(f"{RISK}/indicators/none")).status_code == 404


async def test_a_key_without_the_right_is_refused(client: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await client.get(f"{RISK}/alerts", headers={"authorization": ""})).status_code == 401
    _, secret = KeyRing(tmp_path / "keys.json").add("reader", ["risk:read"], "2021-01-01")
    mine = {"authorization": f"Bearer {secret}"}
    assert (await client.get(f"{RISK}/alerts", headers=mine)).status_code == 200
    place = f"{RISK}/alerts/{'0' * 32}/acknowledgements"
    assert (await client.post(place, json={"by": "me"}, headers=mine)).status_code == 403
