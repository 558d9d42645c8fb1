"""Verdicts as they are read: with the alert, as a filter of lists, and as precision of the rules that rang."""

import importlib
from typing import Any

import httpx
from sqlalchemy import select, update

from services.risk.store.tables import ALERT
from tests.risk.crisis import POLICY, begin, pay
from tests.risk.feed import AnyDatabase, Feed, apply_policy, charge_off, rows_of, settle
from tests.risk.front import RISK, Asking, get, verdict


async def two_alerts(database: AnyDatabase) -> tuple[Feed, dict[str, str], Asking]:
    """A book with an alert of each of two rules; returns their ids by rule."""
    feed = await begin(database, POLICY)
    pay(feed, "2020-03-15", range(6))
    charge_off(feed, "l0", "c0", "2020-03-20")
    feed.close("2020-03-31")
    await settle(database, feed)
    rows = await rows_of(database, ALERT.select())
    return feed, {row.rule: row.id for row in rows}, Asking(database, rows[0].cause_id)


async def test_an_alert_shows_its_verdicts(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    _, alerts, asking = await two_alerts(database)
    assert (await get(client, f"/alerts/{alerts['missed']}"))["verdicts"] == []
    await asking.say(verdict("v1", alerts["missed"], "unclear"), verdict("v2", alerts["missed"], outcome="contacted"))
    told = await get(client, f"/alerts/{alerts['missed']}")
    assert (told["verdict"], [one["verdict"] for one in told["verdicts"]]) == ("true", ["unclear", "true"])
    last = told["verdicts"][-1]
    assert (last["number"], last["outcome"], last["by"]) == (2, "contacted", "officer-7")
    assert (last["given_at"], last["decided_at"]) == ("2020-04-02T12:00:00Z", "2021-01-01T12:00:00Z")
    then = await get(client, f"/alerts/{alerts['missed']}", known_at="2020-12-31T00:00:00Z")
    assert (then["verdict"], then["verdicts"]) == (None, []), "nobody had judged it then"
    seen = await client.post(f"{RISK}/alerts/{alerts['missed']}/acknowledgements", json={"by": "officer-7"})
    assert seen.json()["verdict"] == "true"


async def test_lists_are_filtered_by_verdict(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    _, alerts, asking = await two_alerts(database)
    await asking.say(verdict("v1", alerts["missed"], "true"), verdict("v2", alerts["missed"], "false"))

    async def listed(**query: str) -> list[tuple[str, str | None]]:
        items = (await get(client, "/alerts", book="auto", **query))["items"]
        return sorted((one["indicator"], one["verdict"]) for one in items)

    judged, open_ = ("missed_payment_rate", "false"), ("charge_off_rate", None)
    assert await listed() == [open_, judged]
    assert await listed(verdict="false") == [judged]
    assert await listed(verdict="true") == []
    assert await listed(verdict="none") == [open_]
    before = "2020-12-31T00:00:00Z"
    assert await listed(known_at=before) == [open_, ("missed_payment_rate", None)]
    assert await listed(known_at=before, verdict="false") == []
    assert await listed(as_of="2020-03-31", verdict="false") == [judged]
    assert (await client.get(f"{RISK}/alerts", params={"verdict": "maybe"})).status_code == 422


async def precision(client: httpx.AsyncClient, **query: Any) -> list[tuple[Any, ...]]:
    """(rule, version, true, false, unclear, unjudged, precision) of each item."""
    items = (await get(client, "/precision", **query))["items"]
    fields = ("rule", "version", "true", "false", "unclear", "unjudged", "precision")
    return [tuple(one[field] for field in fields) for one in items]


async def test_precision_counts_the_last_verdict_of_each_alert(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed, alerts, asking = await two_alerts(database)
    assert await precision(client) == [("gone", 1, 0, 0, 0, 1, None), ("missed", 1, 0, 0, 0, 1, None)]
    await asking.say(
        verdict("v1", alerts["missed"], "false"),
        verdict("v2", alerts["missed"], "true"),
        verdict("v3", alerts["gone"], "unclear"),
    )
    assert await precision(client, book="auto") == [("gone", 1, 0, 0, 1, 0, None), ("missed", 1, 1, 0, 0, 0, 1.0)]
    for day, payers in (("2020-04-15", range(10)), ("2020-05-15", range(5))):
        pay(feed, day, payers)
        feed.close(f"{day[:8]}{30 if day[5:7] == '04' else 31}")
        await settle(database, feed)
    (again,) = (await get(client, "/alerts", indicator="missed_payment_rate", verdict="none"))["items"]
    assert await precision(client, indicator="missed_payment_rate") == [("missed", 1, 1, 0, 0, 1, 1.0)]
    await asking.say(verdict("v4", again["id"], "false"))
    assert await precision(client, policy="demo", indicator="missed_payment_rate") == [("missed", 1, 1, 1, 0, 0, 0.5)]
    assert await precision(client, policy="other") == await precision(client, book="other") == []
    first = await get(client, "/precision", limit=1)
    second = await get(client, "/precision", limit=1, cursor=first["next"])
    assert [one["rule"] for one in (*first["items"], *second["items"])] == ["gone", "missed"]
    assert second["next"] is None


async def test_a_withdrawn_alert_counts_for_no_rule(database: AnyDatabase, client: httpx.AsyncClient) -> None:
    feed, alerts, asking = await two_alerts(database)
    await asking.say(verdict("v1", alerts["missed"], "true"))
    pay(feed, "2020-03-16", [6, 7, 8], known="2020-04-05")
    await settle(database, feed)
    assert [one[0] for one in await precision(client)] == ["gone"]
    (withdrawn,) = (await get(client, "/alerts", state="withdrawn"))["items"]
    assert withdrawn["verdict"] == "true", "what was said is not unsaid"


async def test_an_alert_counts_for_the_version_that_its_course_stands_by(
    database: AnyDatabase, client: httpx.AsyncClient
) -> None:
    feed, alerts, asking = await two_alerts(database)
    await asking.say(verdict("v1", alerts["missed"], "true"))
    later = POLICY.replace("policy: demo\n", "policy: demo\neffective_from: 2020-05-01\n")
    await apply_policy(database, later)
    feed.close("2020-04-30")
    await settle(database, feed)
    assert [one[:2] for one in await precision(client, indicator="missed_payment_rate")] == [("missed", 1)]
    await apply_policy(database, POLICY.replace("30 %", "31 %"))
    await settle(database, feed)
    feed.close("2020-05-01")
    await settle(database, feed)
    assert await precision(client, indicator="missed_payment_rate") == [("missed", 3, 1, 0, 0, 0, 1.0)]


async def test_alerts_from_before_are_given_their_rules(database: AnyDatabase) -> None:
    await two_alerts(database)
    columns = select(ALERT.c.policy, ALERT.c.policy_version, ALERT.c.rule).order_by(ALERT.c.id)
    expected = [tuple(row) for row in await rows_of(database, columns)]
    async with database.transaction() as tx:
        await tx.execute(update(ALERT).values(policy="", policy_version=0, rule=""))
    await database.run_sync(importlib.import_module("services.risk.migrations.versions.0002_requests").read_rules)
    assert [tuple(row) for row in await rows_of(database, columns)] == expected
    assert set(expected) == {("demo", 1, "missed"), ("demo", 1, "gone")}
