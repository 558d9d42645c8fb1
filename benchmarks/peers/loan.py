"""The life of one loan by hand: plain dicts and whole numbers, what each fact adds to the counters.

Written for the mix and no more: monthly instalments of one amount, due on the 28th at the latest; a book without
holidays or tolerance; nobody pays ahead, is restructured, or gets out of default again. Money is in cents.
"""

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from benchmarks.peers.sums import DEFAULTED, NEW, PERFORMING, Sums, default_month, month_end, month_of, month_start

Loan = dict[str, Any]
"""Its terms (start, amount_lent, first_due, count, instalment, the rate of a month as two whole numbers), the day of
its charge-off or None, and where it stands after its last fact, which `begin` sets."""


def begin(loan: Loan, sums: Sums) -> None:
    """Disburse the loan."""
    rows, day = sums.rows, loan["start"]
    loan |= {
        "last_day": day,
        "month": month_of(day),
        "standing": NEW,
        "principal": loan["amount_lent"],
        "start_principal": 0,
        "paid": 0,
        "paid_month": 0,
        "covered": 0,
        "balance": loan["amount_lent"],
        "begun": 0,
        "oldest_due": loan["first_due"],
    }
    for key in _flows(loan["first_due"], loan["count"]):
        rows[key] += 1
    _add_future(loan, day, 1, sums)


def pay(loan: Loan, day: int, amount: int, sums: Sums) -> None:
    """Repay so much of an active loan, on the day of its last fact or later."""
    rows = sums.rows
    _roll(loan, day)
    _add_future(loan, day, -1, sums)
    month, covered = loan["month"], loan["covered"]
    if loan["paid_month"] != month:
        loan["paid_month"] = month
        rows["missed_loans", month_end(month)] -= 1
    _allocate(loan, amount)
    for index in range(covered, loan["covered"]):
        due = _due(loan["first_due"], index)
        if month_of(due) >= month:
            rows["instalments_uncovered", due] -= 1
    _add_future(loan, day, 1, sums)


def charge_off(loan: Loan, day: int, sums: Sums) -> None:
    """End an active loan, on the day of its last fact or later: what falls due after that day never does."""
    rows = sums.rows
    _roll(loan, day)
    _add_future(loan, day, -1, sums)
    month, principal = loan["month"], loan["start_principal"]
    if loan["standing"] != NEW:
        counted = [("charged_off", day)]
        if loan["standing"] == PERFORMING:
            counted += [("defaulted", month_end(month)), ("defaulted_by_charge_off", month_end(month))]
        for name, counted_day in counted:
            rows[name, counted_day] += 1
            rows[f"{name}_principal", counted_day] += principal
    for index in range(loan["count"]):
        due = _due(loan["first_due"], index)
        if due > day:
            rows["instalments_due", due] -= 1
            rows["instalments_uncovered", due] -= index >= loan["covered"]
            rows["due_loans", month_end(month_of(due))] -= 1
            rows["missed_loans", month_end(month_of(due))] -= month_of(due) != loan["paid_month"]
    loan |= {"charged_off": day, "principal": 0, "oldest_due": None}


def live(loan: Loan, payments: Iterable[tuple[int, int]], charged_off: int | None, sums: Sums) -> None:
    """Go through the whole life again, from (day, amount) of its repayments in any order."""
    loan["charged_off"] = None
    begin(loan, sums)
    for day, amount in sorted(payments):
        if charged_off is None or day <= charged_off:
            pay(loan, day, amount, sums)
    if charged_off is not None:
        charge_off(loan, charged_off, sums)


def _roll(loan: Loan, day: int) -> None:
    """Bring the loan to the start of the day's month."""
    loan["last_day"], month = day, month_of(day)
    if month > loan["month"]:
        loan["month"], loan["start_principal"] = month, loan["principal"]
        if loan["standing"] != DEFAULTED:
            in_default = loan["oldest_due"] is not None and default_month(loan["oldest_due"]) < month
            loan["standing"] = DEFAULTED if in_default else PERFORMING


def _allocate(loan: Loan, amount: int) -> None:
    """Pay the oldest instalment first, in it interest first; the last instalment pays what is left."""
    covered, balance, begun = loan["covered"], loan["balance"], loan["begun"] + amount
    (numerator, denominator), last = loan["rate"], loan["count"] - 1
    while covered <= last:
        interest = (2 * balance * numerator + denominator) // (2 * denominator)
        instalment = loan["instalment"] if covered < last else balance + interest
        if begun < instalment:
            loan["principal"] = balance - max(0, begun - interest)
            loan["oldest_due"] = _due(loan["first_due"], covered)
            break
        begun -= instalment
        balance -= instalment - interest
        covered += 1
    else:
        loan["principal"], loan["oldest_due"] = 0, None
    loan["paid"] += amount
    loan["covered"], loan["balance"], loan["begun"] = covered, balance, begun


def _add_future(loan: Loan, day: int, sign: int, sums: Sums) -> None:
    outlook = (day, loan["month"], loan["oldest_due"], loan["standing"])
    sums.weigh(outlook, sign, sign * loan["principal"], sign * loan["start_principal"])


@lru_cache(maxsize=4_096)
def _flows(first_due: int, count: int) -> tuple[tuple[str, int], ...]:
    """Return what a new loan adds 1 to: its instalments, the months in which they fall due."""
    dues = [_due(first_due, index) for index in range(count)]
    by_instalment = [(name, due) for name in ("instalments_due", "instalments_uncovered") for due in dues]
    by_month = [(name, month_end(month_of(due))) for name in ("due_loans", "missed_loans") for due in dues]
    return (*by_instalment, *by_month)


@lru_cache(maxsize=65_536)
def _due(first_due: int, index: int) -> int:
    first = dt.date.fromordinal(first_due)
    return month_start(month_of(first_due) + index) + first.day - 1
