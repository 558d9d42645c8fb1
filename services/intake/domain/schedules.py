"""What a schedule must be like, given or generated, before anybody computes with it."""

from collections.abc import Sequence
from typing import Any

from services.intake.domain.findings import LAST_DATE, Finding, amount_problem, date_problem, rate_problem
from shared.kernel.days import LATEST, Day, add_months, day_of
from shared.kernel.money import CURRENCY_DIGITS, MAX_AMOUNT_MINOR, parse_amount

INSTALMENTS_MAX = 1_200
EVERY_MONTHS_MAX = 120

Schedule = Any
"""An object with the fields of one of the catalogue's schedules; given ones are told by their list of instalments."""


def check_schedule(schedule: Schedule, principal: str | None, currency: str | None, found: list[Finding]) -> None:
    """Add what is wrong with a schedule; without a currency (restructuring) digits are left to `amounts_of`."""
    if isinstance(schedule.instalments, int):
        _check_generated(schedule, currency, found)
    else:
        _check_given(schedule.instalments, principal, currency, found)


def amounts_of(schedule: Schedule) -> list[str]:
    """Return all amounts that a schedule names."""
    if isinstance(schedule.instalments, int):
        amount = getattr(schedule, "amount", None)
        return [] if amount is None else [amount]
    named = [one.amount for one in schedule.instalments]
    return named + [one.principal for one in schedule.instalments if one.principal is not None]


def check_rising(dues: Sequence[Any], place: str, found: list[Finding]) -> None:
    """Add what is wrong with the due dates of a list: in range, each later than the one before."""
    before = None
    for number, one in enumerate(dues):
        if problem := date_problem(one.due):
            found.append(Finding(f"{place}/{number}/due", problem))
        elif before is not None and one.due <= before:
            found.append(Finding(f"{place}/{number}/due", "due dates rise from one to the next"))
        before = one.due


def _check_generated(schedule: Schedule, currency: str | None, found: list[Finding]) -> None:
    before = len(found)
    if problem := date_problem(schedule.first_due):
        found.append(Finding("/schedule/first_due", problem))
    if not 1 <= schedule.instalments <= INSTALMENTS_MAX:
        found.append(Finding("/schedule/instalments", f"1 to {INSTALMENTS_MAX} instalments"))
    if not 1 <= schedule.every_months <= EVERY_MONTHS_MAX:
        found.append(Finding("/schedule/every_months", f"1 to {EVERY_MONTHS_MAX} months"))
    if problem := rate_problem(schedule.rate):
        found.append(Finding("/schedule/rate", problem))
    amount = getattr(schedule, "amount", None)
    if amount is not None and (problem := amount_problem(amount, currency)):
        found.append(Finding("/schedule/amount", problem))
    if len(found) == before and _last_due(schedule) > LATEST:
        found.append(Finding("/schedule/instalments", f"the last one would be due after {LAST_DATE}"))


def _last_due(schedule: Schedule) -> Day:
    years = (schedule.instalments - 1) * schedule.every_months // 12
    if schedule.first_due.year + years > LAST_DATE.year:
        return LATEST + 1
    return add_months(day_of(schedule.first_due), (schedule.instalments - 1) * schedule.every_months)


def _check_given(instalments: Sequence[Any], principal: str | None, currency: str | None, found: list[Finding]) -> None:
    place, before = "/schedule/instalments", len(found)
    if not 1 <= len(instalments) <= INSTALMENTS_MAX:
        found.append(Finding(place, f"1 to {INSTALMENTS_MAX} instalments"))
        return
    check_rising(instalments, place, found)
    for number, one in enumerate(instalments):
        if problem := amount_problem(one.amount, currency):
            found.append(Finding(f"{place}/{number}/amount", problem))
        if one.principal is not None and (problem := amount_problem(one.principal, currency, zero=True)):
            found.append(Finding(f"{place}/{number}/principal", problem))
    if len(found) == before and currency in CURRENCY_DIGITS:
        _check_sums(instalments, principal, currency, found)


def _check_sums(instalments: Sequence[Any], principal: str | None, currency: str, found: list[Finding]) -> None:
    place, total, repaid, complete = "/schedule/instalments", 0, 0, True
    for number, one in enumerate(instalments):
        amount_minor = parse_amount(one.amount, currency)
        total += amount_minor
        if one.principal is None:
            complete = False
            continue
        part_minor = parse_amount(one.principal, currency)
        repaid += part_minor
        if part_minor > amount_minor:
            found.append(Finding(f"{place}/{number}/principal", "the principal part is not larger than the instalment"))
    if total > MAX_AMOUNT_MINOR:
        found.append(Finding(place, "together larger than any amount that this system keeps"))
    if principal is None or amount_problem(principal, currency):
        return
    lent = parse_amount(principal, currency)
    if repaid > lent or (complete and repaid != lent):
        found.append(Finding(place, "the principal parts together are not the principal of the loan"))
