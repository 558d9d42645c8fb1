"""The rules of every fact type that need no state: which fields are ids, amounts, dates, and how they hang together."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from services.intake.domain.findings import (
    FIRST_DATE,
    ID_LENGTH_MAX,
    Finding,
    amount_problem,
    book_problem,
    currency_problem,
    date_problem,
    id_problem,
    moment_problem,
    origin_problem,
    word_problem,
)
from services.intake.domain.schedules import check_rising, check_schedule
from shared.kernel.money import CURRENCY_DIGITS, parse_amount

AHEAD_DAYS_MAX = 366
"""How many days a fact may be dated after the day on which it was known."""
HOLIDAY_MONTHS_MAX = 120
LIST_LENGTH_MAX = 1_200

Fields = Any
"""An object with a fact's fields as attributes; absent ones are None."""
Check = Callable[[Fields, list[Finding]], None]


class Rule(NamedTuple):
    """What one fact type must be like and what it speaks of."""

    subject: str
    """`client`, `loan` or `project`: kind of its subject and field that names it; "" when its target tells."""
    ids: tuple[str, ...]
    registers: bool = False
    amounts: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    refers: str = ""
    """The field that names an earlier fact, by its producer's id or its event id."""
    foreseen: tuple[str, ...] = ()
    """Fields of projects and milestones that say when something is to be done."""


def _attributes(fact: Fields, found: list[Finding]) -> None:
    attributes = fact.attributes
    if attributes is None:
        return
    for name in attributes.__struct_fields__:
        value = getattr(attributes, name)
        if value is not None and (problem := word_problem(value)):
            found.append(Finding(f"/attributes/{name}", problem))


def _some_attribute(fact: Fields, found: list[Finding]) -> None:
    attributes = fact.attributes
    if attributes is not None and all(getattr(attributes, name) is None for name in attributes.__struct_fields__):
        found.append(Finding("/attributes", "name at least one attribute that changes"))


def _schedule(fact: Fields, found: list[Finding]) -> None:
    if fact.schedule is not None:
        check_schedule(fact.schedule, fact.principal, fact.currency, found)


def _arrears(fact: Fields, found: list[Finding]) -> None:
    if fact.arrears is None:
        return
    if len(fact.arrears) > LIST_LENGTH_MAX:
        found.append(Finding("/arrears", f"at most {LIST_LENGTH_MAX} entries"))
        return
    check_rising(fact.arrears, "/arrears", found)
    for number, one in enumerate(fact.arrears):
        if problem := amount_problem(one.amount, fact.currency):
            found.append(Finding(f"/arrears/{number}/amount", problem))
        if fact.value_date is not None and one.due > fact.value_date:
            found.append(Finding(f"/arrears/{number}/due", "arrears were due before the take-on"))


def _part(fact: Fields, found: list[Finding]) -> None:
    if fact.principal is None:
        return
    if problem := amount_problem(fact.principal, fact.currency, zero=True):
        found.append(Finding("/principal", problem))
    elif (
        fact.amount is not None
        and fact.currency in CURRENCY_DIGITS
        and amount_problem(fact.amount, fact.currency) is None
        and parse_amount(fact.principal, fact.currency) > parse_amount(fact.amount, fact.currency)
    ):
        found.append(Finding("/principal", "the principal part is not larger than the amount"))


def _restructuring(fact: Fields, found: list[Finding]) -> None:
    if fact.schedule is None and fact.holiday_months is None:
        found.append(Finding("/schedule", "give a new schedule or holiday_months"))
    elif fact.schedule is not None and fact.holiday_months is not None:
        found.append(Finding("/holiday_months", "give a new schedule or holiday_months, not both"))
    elif fact.schedule is not None:
        check_schedule(fact.schedule, None, None, found)
    elif not 1 <= fact.holiday_months <= HOLIDAY_MONTHS_MAX:
        found.append(Finding("/holiday_months", f"1 to {HOLIDAY_MONTHS_MAX} months"))


def _merge(fact: Fields, found: list[Finding]) -> None:
    if fact.client is not None and fact.client == fact.into:
        found.append(Finding("/into", "a client is not merged into itself"))


def _foreseen(fact: Fields, name: str, found: list[Finding]) -> None:
    # What lies too late is not malformed: the plausibility limit holds it for a person (read_fact).
    day = getattr(fact, name)
    if day is not None and day < FIRST_DATE and (problem := date_problem(day)):
        found.append(Finding(f"/{name}", problem))


def _milestone(fact: Fields, found: list[Finding]) -> None:
    _foreseen(fact, "baseline", found)
    _foreseen(fact, "forecast", found)
    actual = fact.actual
    if actual is not None and (problem := date_problem(actual)):
        found.append(Finding("/actual", problem))
    elif actual is not None and fact.value_date is not None and actual > fact.value_date:
        found.append(Finding("/actual", "a milestone is not achieved after the day of the report"))
    if all(getattr(fact, name) is None for name in ("baseline", "forecast", "actual", "cancelled")):
        found.append(Finding("", "give at least one of baseline, forecast, actual and cancelled"))


def _report(fact: Fields, found: list[Finding]) -> None:
    _foreseen(fact, "forecast_completion", found)
    if fact.phase is not None and (problem := word_problem(fact.phase)):
        found.append(Finding("/phase", problem))
    if fact.budget is not None and (problem := amount_problem(fact.budget, fact.currency, zero=True)):
        found.append(Finding("/budget", problem))


_LOAN = ("loan",)
_NEW_LOAN = ("loan", "client")

RULES: Mapping[str, Rule] = {
    "tocsin.client.registered.v1": Rule("client", ("client",), registers=True, checks=(_attributes,)),
    "tocsin.client.changed.v1": Rule("client", ("client",), checks=(_attributes, _some_attribute)),
    "tocsin.client.merged.v1": Rule("client", ("client", "into"), checks=(_merge,)),
    "tocsin.loan.disbursed.v1": Rule("loan", _NEW_LOAN, True, ("principal",), (_schedule, _attributes)),
    "tocsin.loan.taken_on.v1": Rule("loan", _NEW_LOAN, True, ("principal",), (_schedule, _arrears, _attributes)),
    "tocsin.repayment.received.v1": Rule("loan", _LOAN, amounts=("amount",), checks=(_part,)),
    "tocsin.repayment.reversed.v1": Rule("loan", _LOAN, amounts=("amount",), refers="repayment"),
    "tocsin.loan.capitalised.v1": Rule("loan", _LOAN, amounts=("amount",)),
    "tocsin.loan.restructured.v1": Rule("loan", _LOAN, checks=(_restructuring,)),
    "tocsin.loan.charged_off.v1": Rule("loan", _LOAN),
    "tocsin.recovery.received.v1": Rule("loan", _LOAN, amounts=("amount",)),
    "tocsin.recovery.reversed.v1": Rule("loan", _LOAN, amounts=("amount",)),
    "tocsin.loan.closed.v1": Rule("loan", _LOAN),
    "tocsin.loan.left_book.v1": Rule("loan", _LOAN),
    "tocsin.project.registered.v1": Rule("project", ("project", "client"), True, checks=(_attributes,)),
    "tocsin.project.reported.v1": Rule("project", ("project",), checks=(_report,), foreseen=("forecast_completion",)),
    "tocsin.milestone.reported.v1": Rule(
        "project", ("project", "milestone"), checks=(_milestone,), foreseen=("baseline", "forecast")
    ),
    "tocsin.fact.corrected.v1": Rule("", (), refers="fact"),
}
"""By CloudEvents type; a test holds the keys equal to the catalogue."""


def check_fact(rule: Rule, fact: Fields, now: datetime) -> list[Finding]:
    """Return everything that is wrong with a fact's values, as far as it can be told without state."""
    found: list[Finding] = []
    if fact.book is not None and (problem := book_problem(fact.book)):
        found.append(Finding("/book", problem))
    for name in rule.ids:
        value = getattr(fact, name)
        if value is not None and (problem := id_problem(value)):
            found.append(Finding(f"/{name}", problem))
    if rule.refers:
        value = getattr(fact, rule.refers)
        if value is not None and (problem := origin_problem(value, ID_LENGTH_MAX)):
            found.append(Finding(f"/{rule.refers}", problem))
    _check_times(fact.value_date, fact.known_at, now, found)
    currency = getattr(fact, "currency", None)
    if currency is not None and (problem := currency_problem(currency)):
        found.append(Finding("/currency", problem))
    for name in rule.amounts:
        value = getattr(fact, name)
        if value is not None and (problem := amount_problem(value, currency)):
            found.append(Finding(f"/{name}", problem))
    for check in rule.checks:
        check(fact, found)
    return found


def _check_times(value_date: date | None, known_at: datetime | None, now: datetime, found: list[Finding]) -> None:
    if known_at is not None and (problem := moment_problem(known_at, now)):
        found.append(Finding("/known_at", problem))
        known_at = None
    if value_date is None:
        return
    if problem := date_problem(value_date):
        found.append(Finding("/value_date", problem))
    elif value_date.toordinal() - (known_at or now).toordinal() > AHEAD_DAYS_MAX:
        found.append(Finding("/value_date", f"more than {AHEAD_DAYS_MAX} days after it was known"))
