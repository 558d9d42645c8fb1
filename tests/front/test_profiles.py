"""Profiles: every row of a tape becomes facts or a reject, as the page on indicators says."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from shared.events.envelope import start_of
from shared.events.facts import FACTS
from shared.kernel.days import date_of, format_day
from tests.front.tapes import AUTO, PROJECTS, write_auto, write_projects
from tocsin.profiles import PROFILES
from tocsin.profiles.base import Tape, TapeFact, TapeUnreadable

auto, projects = PROFILES["auto_abs"], PROFILES["nyc_projects"]


@pytest.fixture(scope="module")
def auto_tape() -> Tape:
    return auto.read(AUTO, "auto")


def kinds(tape: Tape) -> Counter[str]:
    return Counter(fact.event["type"].removeprefix("tocsin.").removesuffix(".v1") for fact in tape.facts)


def story(tape: Tape, loan: str = "1") -> list[tuple[str, str]]:
    """What happened to one loan, as (day, id without the loan)."""
    mine = [fact for fact in tape.facts if fact.event["data"].get("loan") == loan]
    return [(format_day(fact.day), fact.id.removeprefix(f"{loan}-")) for fact in mine]


def fact_of(tape: Tape, id_: str) -> TapeFact:
    return next(fact for fact in tape.facts if fact.id == id_)


def test_the_auto_tape_gives_the_counts_that_its_description_names(auto_tape: Tape) -> None:
    assert kinds(auto_tape) == {
        "client.registered": 1_723, "loan.taken_on": 1_723, "repayment.received": 47_365, "loan.capitalised": 42,
        "loan.closed": 920, "loan.charged_off": 55, "recovery.received": 36, "recovery.reversed": 27,
        "loan.left_book": 8,
    }  # fmt: skip
    assert len(auto_tape.rejects) == 28
    assert {reject.reason for reject in auto_tape.rejects} == {"no payments: closed before the tape begins"}
    assert format_day(auto_tape.last_day) == "2020-12-31"


def test_every_fact_of_both_tapes_fits_the_catalogue_and_has_an_id_of_its_own(auto_tape: Tape) -> None:
    shapes = {fact.type: fact for fact in FACTS}
    for tape in (auto_tape, projects.read(PROJECTS, "projects")):
        assert len({fact.id for fact in tape.facts}) == len(tape.facts)
        for fact in tape.facts:
            body = msgspec.convert(fact.event["data"], shapes[fact.event["type"]], strict=False)
            known = body.known_at
            assert body.value_date == date_of(fact.day)
            assert known is not None
            assert known.date() == body.value_date
            assert set(fact.event["data"]) <= {field.name for field in msgspec.structs.fields(body)}


def test_facts_come_in_time_order_and_the_same_tape_gives_the_same_facts(auto_tape: Tape) -> None:
    days = [fact.day for fact in auto_tape.facts]
    assert days == sorted(days)
    assert auto.read(list(reversed(AUTO)), "auto").facts == auto_tape.facts


def test_a_loan_is_taken_on_with_the_rest_of_its_schedule_and_without_arrears(tmp_path: Path) -> None:
    tape = auto.read(write_auto(tmp_path, [{}], [{}]), "b")
    data = fact_of(tape, "1-taken-on").event["data"]
    dues = [instalment["due"] for instalment in data["schedule"]["instalments"]]
    assert data["value_date"] == "2017-06-01"
    assert data["known_at"] == start_of(date_of(tape.facts[0].day)).strftime("%Y-%m-%dT00:00:01Z")
    assert (data["principal"], data["currency"], "arrears" in data) == ("1000.00", "USD", False)
    assert (dues[0], dues[-1], len(dues)) == ("2017-06-15", "2018-03-15", 10)
    assert {instalment["amount"] for instalment in data["schedule"]["instalments"]} == {"100.00"}
    assert fact_of(tape, "c-1-registered").event["data"]["attributes"] == {"region": "TX"}


def test_a_month_without_a_payment_is_no_fact(tmp_path: Path) -> None:
    payments = [{}, {"month": "2017-07", "balance": "920.0", "principal_paid": "0", "amount_paid": "0"}]
    tape = auto.read(write_auto(tmp_path, [{"last_month_in_window": "2017-07"}], payments), "b")
    assert story(tape) == [("2017-06-01", "taken-on"), ("2017-06-15", "2017-06-paid")]
    paid = fact_of(tape, "1-2017-06-paid").event["data"]
    assert (paid["amount"], paid["principal"]) == ("100.00", "80.00")


@pytest.mark.parametrize(
    ("payment", "end"),
    [
        ({"balance": "0", "principal_paid": "1000.0", "amount_paid": "1005"}, ("2017-06-15", "2017-06-closed")),
        ({"balance": "0", "principal_paid": "999.0", "amount_paid": "999"}, ("2017-06-15", "2017-06-closed")),
        ({"balance": "0", "principal_paid": "998.99", "amount_paid": "999"}, ("2017-06-30", "2017-06-charged-off")),
        ({"balance": "920", "principal_paid": "80"}, ("2017-07-01", "2017-06-left-book")),
    ],
)
def test_how_a_loan_ends(tmp_path: Path, payment: dict[str, str], end: tuple[str, str]) -> None:
    tape = auto.read(write_auto(tmp_path, [{}], [payment]), "b")
    assert story(tape)[-1] == end
    assert tape.rejects == []


def test_a_pay_off_follows_its_payment_and_a_recovery_its_charge_off(tmp_path: Path) -> None:
    payment = {"balance": "0", "principal_paid": "0", "recovered": "25", "repo_proceeds": "-300.0"}
    tape = auto.read(write_auto(tmp_path, [{}], [payment]), "b")
    assert [id_ for _, id_ in story(tape)[1:]] == [
        "2017-06-paid", "2017-06-charged-off", "2017-06-recovered", "2017-06-repossession",
    ]  # fmt: skip
    known = [fact_of(tape, f"1-2017-06-{word}").event["data"]["known_at"] for word in ("charged-off", "recovered")]
    assert known == sorted(set(known))
    reversal = fact_of(tape, "1-2017-06-repossession").event
    assert (reversal["type"], reversal["data"]["amount"]) == ("tocsin.recovery.reversed.v1", "300.00")


def test_a_balance_that_rises_is_capitalised(tmp_path: Path) -> None:
    payment = {"balance": "1000.15", "principal_paid": "0", "amount_paid": "50.15"}
    tape = auto.read(write_auto(tmp_path, [{"last_month_in_window": "2017-06"}], [payment]), "b")
    assert story(tape)[1:] == [("2017-06-15", "2017-06-paid"), ("2017-06-15", "2017-06-capitalised")]
    assert fact_of(tape, "1-2017-06-capitalised").event["data"]["amount"] == "0.15"
    assert fact_of(tape, "1-2017-06-paid").event["data"]["principal"] == "0.00"


@pytest.mark.parametrize(
    ("loans", "payments", "reject"),
    [
        ([{}], [{}, {"loan_id": "2"}], ("payments.csv", 3, "loan_id", "2 is not among the loans of this tape")),
        ([{}], [{}, {}], ("payments.csv", 3, "month", "2017-06 of loan 1 stands in the tape before")),
        ([{}, {}], [{}], ("loans.csv.gz", 3, "loan_id", "1 stands in the tape before, at line 2")),
        ([{}, {"loan_id": "2"}], [{}], ("loans.csv.gz", 3, "loan_id", "no payments: closed before the tape begins")),
        ([{}], [{}, {"month": "2017-13"}], ("payments.csv", 3, "month", "'2017-13' is not a month (YYYY-MM)")),
        ([{}], [{}, {"month": "2017-07", "balance": "x"}], ("payments.csv", 3, "balance", "'x' is not an amount")),
        ([{}], [{}, {"month": "2017-07", "balance": "nan"}], ("payments.csv", 3, "balance", "'nan' is not an amount")),
        ([{}], [{}, {"month": "2017-07", "balance": ""}], ("payments.csv", 3, "balance", "is empty")),
        ([{}], [{}, {"month": "2017-07", "amount_paid": "-1"}], ("payments.csv", 3, "amount_paid", "is negative")),
        ([{}], [{}, {"month": "2017-05"}], ("payments.csv", 3, "month", "before the loan's first month, 2017-06")),
        (
            [{}, {"loan_id": "2", "instalment": "0"}],
            [{}],
            ("loans.csv.gz", 3, "instalment", "is not positive"),
        ),
        (
            [{}, {"loan_id": "2", "maturity": "2017-05"}],
            [{}],
            ("loans.csv.gz", 3, "maturity", "no remaining schedule between 2017-06 and it"),
        ),
    ],
)
def test_what_cannot_be_mapped_is_a_reject_with_row_column_and_reason(
    tmp_path: Path,
    loans: list[dict[str, str]],
    payments: list[dict[str, str]],
    reject: tuple[str, int, str, str],
) -> None:
    tape = auto.read(write_auto(tmp_path, loans, payments), "b")
    assert [tuple(one) for one in tape.rejects] == [reject]
    assert ("2017-06-15", "2017-06-paid") in story(tape)


def test_money_after_the_end_of_a_loan_is_a_reject_and_recoveries_are_not(tmp_path: Path) -> None:
    gone = {"balance": "0", "principal_paid": "0", "amount_paid": "0"}
    payments = [
        gone,
        {**gone, "month": "2017-07", "recovered": "30"},
        {**gone, "month": "2017-08", "amount_paid": "5"},
    ]
    tape = auto.read(write_auto(tmp_path, [{}], payments), "b")
    assert story(tape)[1:] == [("2017-06-30", "2017-06-charged-off"), ("2017-07-31", "2017-07-recovered")]
    assert [(one.row, one.column) for one in tape.rejects] == [(4, "balance")]


def test_the_project_tape_gives_one_fact_per_report() -> None:
    tape = projects.read(PROJECTS, "projects")
    assert kinds(tape) == {"client.registered": 10, "project.registered": 189, "project.reported": 1_124}
    assert tape.rejects == []
    assert format_day(tape.last_day) == "2019-09-30"


def test_an_absurd_forecast_goes_through_and_what_a_report_does_not_know_is_absent(tmp_path: Path) -> None:
    reports = [
        {"forecast_completion": "2301-05-01"},
        {"reported": "2014-05-01", "forecast_completion": "", "phase": "", "budget_forecast": ""},
    ]
    tape = projects.read(write_projects(tmp_path, reports), "p")
    first, second = (fact.event["data"] for fact in tape.facts if fact.event["type"] == "tocsin.project.reported.v1")
    assert first["forecast_completion"] == "2301-05-01"
    assert (first["phase"], first["budget"], first["currency"]) == ("Design", "1000000.00", "USD")
    assert set(second) == {"book", "value_date", "known_at", "project"}
    registered = fact_of(tape, "3-registered").event["data"]
    assert registered["attributes"] == {"region": "Queens", "industry": "Sewers"}
    assert registered["client"] == "DDC"


def test_a_report_that_is_none_is_a_reject(tmp_path: Path) -> None:
    reports = [{}, {}, {"reported": "2012-01-01"}, {"reported": "soon"}, {"project_id": ""}]
    tape = projects.read(write_projects(tmp_path, reports), "p")
    assert [(one.row, one.column) for one in tape.rejects] == [
        (3, "reported"), (4, "reported"), (5, "reported"), (6, "project_id"),
    ]  # fmt: skip


def test_files_of_another_shape_are_refused_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(TapeUnreadable, match="neither a loan nor a payment file"):
        auto.read(PROJECTS, "b")
    with pytest.raises(TapeUnreadable, match="needs both kinds of files"):
        auto.read(AUTO[:1], "b")
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(AUTO[1].read_bytes()[:5_000])
    with pytest.raises(TapeUnreadable, match="after line"):
        auto.read([AUTO[0], broken], "b")
