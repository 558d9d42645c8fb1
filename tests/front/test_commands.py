"""The command line against a running system: what it prints, its JSON, its exit codes."""

import json
from pathlib import Path

import pytest

from shared.runtime.settings import SettingsWrong
from tests.front.tapes import AUTO, write_auto, write_projects
from tests.support.processes import eventually
from tests.support.served import Served, served
from tocsin.demo.tapes import demo_policy
from tocsin.system import run_embedded

__all__ = ["served"]

BAD_POLICY = "policy: bad\nbooks:\n  auto:\n    - id: x\n      indicator: no_such_rate\n      owner: me\n"


@pytest.fixture
def small_auto(tmp_path: Path) -> list[Path]:
    """Three loans: one pays, one misses June, one is charged off in July."""
    loans = [{"loan_id": loan, "last_month_in_window": "2017-07", "state": loan_state} for loan, loan_state in
             (("1", "TX"), ("2", "TX"), ("3", "CA"))]  # fmt: skip
    missed = {"principal_paid": "0", "amount_paid": "0"}
    payments = [
        {"loan_id": "1"}, {"loan_id": "1", "month": "2017-07", "balance": "840.0"},
        {"loan_id": "2", "balance": "1000", **missed}, {"loan_id": "2", "month": "2017-07"},
        {"loan_id": "3", "balance": "1000", **missed}, {"loan_id": "3", "month": "2017-07", "balance": "0", **missed},
        {"loan_id": "9"},
    ]  # fmt: skip
    return write_auto(tmp_path, loans, payments)


def test_a_replay_makes_the_book_sends_closes_and_can_be_repeated(
    served: Served, small_auto: list[Path], tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    replay = ("replay", "--profile", "auto_abs", "--book", "small", *small_auto, "--rejects", rejects, "--json")
    first = served.run(*replay).json()
    assert (first["outcomes"], first["closes"], first["rejects"]) == ({"accepted": 10}, 2, 1)
    assert rejects.read_text().splitlines() == [
        "file,row,column,reason",
        "payments.csv,8,loan_id,9 is not among the loans of this tape",
    ]
    asked = ("indicators", "missed_payment_rate", "--book", "small", "--json")
    series = served.run(*asked, "--segment", "portfolio").json()["series"]
    assert [(one["period"], one["numerator"], one["denominator"], one["final"]) for one in series[:2]] == [
        ("2017-06", 2, 3, True), ("2017-07", 1, 3, True),
    ]  # fmt: skip
    assert series[0]["value"] == pytest.approx(2 / 3)
    texas = served.run(*asked, "--segment", "region=TX").json()["series"]
    assert [(one["numerator"], one["denominator"]) for one in texas[:2]] == [(1, 2), (0, 2)]

    again = served.run(*replay).json()
    assert (again["outcomes"], again["closes"], again["skipped"]) == ({}, 0, 10)
    for note in (served.data / "replays").iterdir():
        note.unlink()
    resent = served.run(*replay).json()
    assert (resent["outcomes"], resent["closes"]) == ({"repeated": 10}, 0)
    assert served.run(*asked).json()["series"] == series


def test_the_rest_of_a_tape_goes_into_the_closed_book_as_back_dated_facts(served: Served, tmp_path: Path) -> None:
    def part(name: str, loan: str, paid: str) -> list[Path]:
        folder = tmp_path / name
        folder.mkdir()
        loans = [{"loan_id": loan, "last_month_in_window": "2017-06"}]
        return write_auto(folder, loans, [{"loan_id": loan, "amount_paid": paid, "principal_paid": "0"}])

    for name, loan, paid in (("first", "11", "100"), ("second", "12", "0")):
        files = part(name, loan, paid)
        served.run("replay", "--profile", "auto_abs", "--book", "halves", *files, "--json").json()
    series = served.run("indicators", "missed_payment_rate", "--book", "halves", "--json").json()["series"]
    june = next(one for one in series if one["period"] == "2017-06")
    assert (june["numerator"], june["denominator"], june["final"]) == (1, 2, True)


def test_daily_closes_end_the_same_as_monthly_ones(served: Served, small_auto: list[Path]) -> None:
    for book, closing in (("by-month", "monthly"), ("by-day", "daily")):
        ran = served.run("replay", "--profile", "auto_abs", "--book", book, *small_auto, "--close", closing,
                         "--rejects", small_auto[0].with_name("r.csv"), "--json")  # fmt: skip
        assert ran.json()["closes"] == (2 if closing == "monthly" else 61)
    for indicator in ("missed_payment_rate", "par30", "default_rate", "charge_off_rate"):
        monthly, daily = (
            served.run("indicators", indicator, "--book", book, "--json").json()["series"]
            for book in ("by-month", "by-day")
        )
        shown = ("period", "value", "numerator", "denominator", "final")
        assert [[one[name] for name in shown] for one in monthly] == [[one[name] for name in shown] for one in daily]


def test_import_sends_into_a_book_that_exists_and_a_dry_run_only_checks(
    served: Served, small_auto: list[Path], tmp_path: Path
) -> None:
    rejects = ("--rejects", tmp_path / "r.csv")
    missing = served.run("import", "--profile", "auto_abs", "--book", "imported", *small_auto, *rejects)
    assert missing.code == 1
    assert "404" in missing.err
    dry = served.run("import", "--profile", "auto_abs", "--dry-run", *small_auto, *rejects, "--json").json()
    assert (dry["facts"], dry["outcomes"], dry["rejects"]) == (10, {}, 1)
    assert served.run("books", "open", "imported", "--first-day", "2017-06-01", "--segment", "region").code == 0
    sent = served.run("import", "--profile", "auto_abs", "--book", "imported", *small_auto, *rejects, "--json").json()
    assert (sent["outcomes"], sent["closes"]) == ({"accepted": 10}, 0)


def test_a_contact_is_put_for_a_client_that_is_known(served: Served) -> None:
    assert served.run("books", "open", "people", "--first-day", "2020-01-01").code == 0
    put = ("contacts", "put", "C1", "--book", "people", "--email", "c1@example.com", "--consent", "survey")
    nobody = served.run(*put)
    assert (nobody.code, "No such client (404)" in nobody.err) == (1, True)
    with served.client() as client:
        told = {"book": "people", "client": "C1", "kind": "person", "value_date": "2020-01-01"}
        client.post("/intake/v1/clients", told)
    assert served.run(*put, "--json").json()["effect"] == "changed"
    assert served.run(*put, "--json").json() == {"book": "people", "client": "C1", "version": 1, "effect": "none"}
    wrong = served.run("contacts", "put", "C1", "--book", "people", "--email", "c1", "--consent", "ads")
    assert (wrong.code, "/points/0/address" in wrong.err, "/consents/0/purpose" in wrong.err) == (1, True, True)


def test_books_are_listed_shown_and_closed(served: Served) -> None:
    opened = served.run("books", "open", "plain", "--first-day", "2020-01-01", "--tolerance", "1.00", "--json").json()
    assert (opened["book"], opened["tolerance"]) == ("plain", {"USD": "1.00"})
    assert "plain" in [book["book"] for book in served.run("books", "list", "--json").json()]
    assert "not yet" in served.run("books", "list").out
    assert served.run("close", "plain", "2020-01-31", "--json").json()["effect"] == "closed"
    assert "no effect" in served.run("close", "plain", "2020-01-31").out
    assert served.run("books", "show", "plain", "--json").json()["closed_through"] == "2020-01-31"
    too_early = served.run("close", "plain", "2019-12-31")
    assert (too_early.code, "422" in too_early.err) == (1, True)


def test_a_policy_is_checked_without_a_system_and_every_error_has_its_line(served: Served, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(demo_policy())
    bad.write_text(BAD_POLICY)
    assert served.run("policy", "check", good, "--json").json() == {"ok": True, "errors": []}
    refused = served.run("policy", "check", bad, "--json")
    assert refused.code == 1
    assert 5 in [error["line"] for error in json.loads(refused.out)["errors"]]
    bad.write_text("policy: x\nbooks: [")
    said = "".join(served.run("policy", "check", bad).err.split())
    assert f"{bad}:2:thisisnotYAML" in said
    bad.write_text(BAD_POLICY)
    applied = served.run("policy", "apply", bad)
    assert applied.code == 1
    assert "no_such_rate" in applied.err
    assert served.run("policy", "apply", good, "--json").json()["version"] == 1
    assert served.run("policy", "apply", good, "--json").json()["version"] == 1
    assert "demo" in served.run("policy", "show").out
    assert served.run("policy", "show", "demo").code == 0


def test_an_alert_is_listed_shown_and_acknowledged(served: Served, small_auto: list[Path], tmp_path: Path) -> None:
    policy = tmp_path / "alerting.yaml"
    policy.write_text(
        "policy: alerting\nbooks:\n  alerting:\n    - id: missed\n      indicator: missed_payment_rate\n"
        "      owner: credit_officer\n      amber: {enter: 20 %, leave: 10 %}\n      red: {enter: 60 %, leave: 40 %}\n"
    )
    assert served.run("policy", "apply", policy).code == 0
    arguments = ("--profile", "auto_abs", "--book", "alerting", *small_auto, "--rejects", tmp_path / "r.csv")
    assert served.run("replay", *arguments).code == 0
    (alert,) = served.run("alerts", "list", "--book", "alerting", "--json").json()
    names = ("book", "indicator", "segment", "level", "peak_level", "as_of", "latest_as_of", "state")
    assert [alert[name] for name in names] == [
        "alerting", "missed_payment_rate", "portfolio", "amber", "red", "2017-06-30", "2017-07-31", "open",
    ]  # fmt: skip
    for day, known in (("2017-06-29", []), ("2017-07-31", [alert["id"]])):
        listed = served.run("alerts", "list", "--book", "alerting", "--known-at", day, "--json").json()
        assert [one["id"] for one in listed] == known, day
    table = served.run("alerts", "list", "--book", "alerting").out
    assert "33.3 % (1 of 3)" in table
    shown = served.run("alerts", "show", alert["id"]).out
    assert "opened" in shown
    assert "eased" in shown
    assert served.run("alerts", "ack", alert["id"], "--by", "officer-1", "--comment", "seen").code == 0
    assert served.run("alerts", "show", alert["id"], "--json").json()["acknowledged"] is True
    assert served.run("alerts", "list", "--book", "alerting", "--verdict", "true", "--json").json() == []
    (rule,) = served.run("precision", "--book", "alerting", "--json").json()
    assert (rule["rule"], rule["unjudged"], rule["precision"]) == ("missed", 1, None)
    assert "unjudged" in served.run("precision").out
    missing = served.run("alerts", "show", "no-such-alert")
    assert missing.code == 1


def test_reconcile_says_that_nothing_is_missing_or_which_book_is_not_there(served: Served) -> None:
    assert served.run("books", "open", "reconciled", "--first-day", "2024-01-01").code == 0
    eventually(lambda: served.run("reconcile", "--book", "reconciled", "--json").json()[0]["in_flight"] == [])
    ran = served.run("reconcile", "--book", "reconciled")
    assert (ran.code, "complete" in ran.out) == (0, True)
    missing = served.run("reconcile", "--book", "nobodys")
    assert (missing.code, "No such book" in missing.err) == (1, True)


def test_dead_letters_are_listed_and_one_that_is_not_there_is_refused(served: Served) -> None:
    assert served.run("dead-letters", "list").out.strip() == "There is no dead letter."
    assert served.run("dead-letters", "list", "--json").json() == []
    for command in (("retry", "0" * 32), ("dismiss", "0" * 32, "--reason", "none", "--service", "notify")):
        refused = served.run("dead-letters", *command)
        assert (refused.code, "No such dead-letter" in refused.err) == (1, True)


def test_an_absurd_forecast_is_listed_with_its_reason_and_dismissed(served: Served, tmp_path: Path) -> None:
    files = write_projects(tmp_path, [{"forecast_completion": "2301-05-01"}, {"reported": "2014-05-01"}])
    ran = served.run("replay", "--profile", "nyc_projects", *files, "--json").json()
    assert ran["outcomes"] == {"accepted": 3, "quarantined": 1}
    (item,) = served.run("quarantine", "list", "--book", "projects", "--json").json()
    assert (item["id"], item["reason"]) == ("3-2014-01-01-reported", "implausible_forecast")
    assert "implausible_forecast" in served.run("quarantine", "list").out
    assert "2301-05-01" in served.run("quarantine", "show", item["item"]).out
    assert "would be quarantined" in served.run("quarantine", "preview", item["item"]).out
    for typed in ("", "n\n"):
        asked = served.run("quarantine", "retry", item["item"], typed=typed)
        assert (asked.code, "Judge it again" in asked.out) == (1, True), "nobody said yes"
    assert "quarantined" in served.run("quarantine", "retry", item["item"], typed="y\n").out
    assert "quarantined" in served.run("quarantine", "retry", item["item"], "--yes").out
    assert "dismissed" in served.run("quarantine", "dismiss", item["item"], "--comment", "a slip of the pen").out
    assert served.run("quarantine", "list", "--book", "projects", "--json").json() == []


def test_keys_are_added_listed_revoked_and_work_at_once(served: Served) -> None:
    added = served.run("keys", "add", "reader", "--right", "books:read", "--json").json()
    with_it = ("--key", added["secret"])
    assert served.run("books", "list", *with_it).code == 0
    assert "403" in served.run("quarantine", "list", *with_it).err
    assert added["secret"] not in served.run("keys", "list", "--json").out
    assert served.run("keys", "revoke", added["id"]).code == 0
    assert "401" in served.run("books", "list", *with_it).err
    assert served.run("keys", "revoke", "none").code == 1
    assert served.run("keys", "add", "x", "--right", "no:such").code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("version",), 0, "tocsin"),
        (("version", "--json"), 0, "version"),
        (("--help",), 0, "serve"),
        (("no-such-command",), 2, "no-such-command"),
        (("indicators", "par30"), 2, "--book"),
        (("indicators", "no_such_rate", "--book", "auto"), 1, "404"),
        (("replay", "--profile", "none", __file__), 2, "auto_abs"),
        (("import", "--profile", "nyc_projects", "--dry-run", __file__), 1, "not a file of project reports"),
        (("indicators",), 0, "missed_payment_rate"),
        (("books", "list", "--url", "nonsense"), 1, "is not a URL"),
        (("policy", "check", str(AUTO[0])), 1, "cannot be read"),
        (("people", "check", str(AUTO[0])), 1, "cannot be read"),
        (("serve", "--data", str(AUTO[0])), 2, "is a file"),
        (("serve", "--log-level", "loud"), 2, "is not one of"),
    ],
)
def test_exit_codes_and_what_is_said(served: Served, arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = served.run(*arguments)
    assert ran.code == code
    assert said in ran.out + ran.err


def test_templates_are_listed_and_previewed(served: Served, tmp_path: Path) -> None:
    assert "staff/opened.zh" in served.run("templates", "list").out
    assert len(served.run("templates", "list", "--json").json()) == 16
    shown = served.run("templates", "preview", "worsened", "--language", "zh", "--notices", 2).out
    assert "升级为红色预警" in shown
    own = tmp_path / "own.j2"
    own.write_text('{# version: 2 #}{% extends "layout" %}{% block subject %}Mine{% endblock %}')
    assert "<title>Mine</title>" in served.run("templates", "preview", "opened", "--file", own, "--html").out
    own.write_text("{# version: 2 #}{% include 'x' %}")
    refused = served.run("templates", "preview", "opened", "--file", own)
    assert (refused.code, "Include is not part of the language" in refused.err) == (1, True)


async def test_everything_that_is_wrong_with_the_settings_of_any_service_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GROUP_WINDOW_S": "-1", "GAUGE_SERIES": "many", "LINK_SECRETS": "short"}.items():
        monkeypatch.setenv(f"TOCSIN_{name}", value)
    with pytest.raises(SettingsWrong) as caught:
        await run_embedded(tmp_path / "data", 1)
    told = sorted(line.split(":")[0] for line in str(caught.value).splitlines()[1:])
    assert told == ["  TOCSIN_GAUGE_SERIES", "  TOCSIN_GROUP_WINDOW_S", "  TOCSIN_LINK_SECRETS"]
