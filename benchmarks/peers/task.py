"""The work that every peer does, as a pure step from one client's state to the next; msgspec beside Python's own.

Every fact is kept once with its body. For each loan what was paid and the oldest due date that is not covered; for each
region and month how many loans were due and how many of those paid nothing. Repeats change nothing (event ids are kept
with the client), a late repayment counts in its own month, a reversal takes it back there. The state is plain JSON, so
that every peer can keep it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

decode = msgspec.json.decode
State = dict[str, Any]
"""region, seen event ids, and loans: their schedule, payments and net paid by month."""

TABLES = """
CREATE TABLE fact (id text PRIMARY KEY, client text NOT NULL, type text NOT NULL, body bytea NOT NULL);
CREATE TABLE client (client text PRIMARY KEY, state bytea NOT NULL);
CREATE TABLE loan (loan text PRIMARY KEY, region text NOT NULL, paid bigint NOT NULL, oldest_due int);
CREATE TABLE counter (
    region text, month int, due bigint NOT NULL, missed bigint NOT NULL, PRIMARY KEY (region, month)
);
CREATE TABLE progress (worker int PRIMARY KEY, records bigint NOT NULL);
"""
"""What every peer writes; `client` is for those that keep their state in PostgreSQL."""

FactRow = tuple[str, str, str, bytes]
"""(id, client, type, body)."""
LoanRow = tuple[str, str, int, int | None]
"""(loan, region, paid in minor units, oldest uncovered due day or None when it has ended)."""


class Change:
    """What some facts changed: rows of loans as they are now, and what to add to counters."""

    def __init__(self) -> None:
        """Nothing changed yet."""
        self.facts: list[FactRow] = []
        self.loans: dict[str, LoanRow] = {}
        self.counters: dict[tuple[str, int], list[int]] = {}
        self.records = 0

    def count(self, region: str, month: int, due: int, missed: int) -> None:
        """Add to a counter."""
        pair = self.counters.setdefault((region, month), [0, 0])
        pair[0] += due
        pair[1] += missed

    def add(self, other: "Change") -> None:
        """Add what later facts changed."""
        self.facts += other.facts
        self.loans.update(other.loans)
        for (region, month), (due, missed) in other.counters.items():
            self.count(region, month, due, missed)
        self.records += other.records

    def counter_rows(self) -> list[tuple[str, int, int, int]]:
        """Return the counters to add to, in the order of their key."""
        counters = sorted(self.counters.items())
        return [(region, month, due, missed) for (region, month), (due, missed) in counters if due or missed]


def event_of(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return the attributes of a CloudEvent in binary mode."""
    return {name: value.decode() for name, value in headers}


def step(state: State | None, attributes: Mapping[str, str], body: bytes, change: Change) -> State:
    """Return a client's state after one event; note in `change` what changes."""
    state = state or {"region": "", "seen": [], "loans": {}}
    change.records += 1
    event_id, handle = attributes["ce_id"], _HANDLERS.get(attributes["ce_type"])
    if handle is None or event_id in state["seen"]:
        return state
    state["seen"].append(event_id)
    change.facts.append((event_id, attributes["ce_client"], attributes["ce_type"], body))
    handle(state, attributes, decode(body), change)
    return state


def _register(state: State, _: Mapping[str, str], fact: Mapping[str, Any], _change: Change) -> None:
    state["region"] = fact["attributes"].get("region", state["region"])


def _disburse(state: State, _: Mapping[str, str], fact: Mapping[str, Any], change: Change) -> None:
    schedule = fact["schedule"]
    first = dt.date.fromisoformat(schedule["first_due"])
    loan = {
        "first": _month_of(first),
        "day": first.day,
        "count": schedule["instalments"],
        "amount": _minor(schedule["amount"]),
        "ended": None,
        "payments": {},
        "months": {},
        "paid": 0,
    }
    state["loans"][fact["loan"]] = loan
    for month in range(loan["first"], loan["first"] + loan["count"]):
        change.count(state["region"], month, 1, 1)
    _note(state, fact["loan"], change)


def _repay(state: State, attributes: Mapping[str, str], fact: Mapping[str, Any], change: Change) -> None:
    month, amount = _month_of(dt.date.fromisoformat(fact["value_date"])), _minor(fact["amount"])
    state["loans"][fact["loan"]]["payments"][attributes["ce_id"]] = [month, amount]
    _pay(state, fact["loan"], month, amount, change)


def _reverse(state: State, attributes: Mapping[str, str], fact: Mapping[str, Any], change: Change) -> None:
    month, amount = state["loans"][fact["loan"]]["payments"].pop(attributes["ce_target"])
    _pay(state, fact["loan"], month, -amount, change)


def _charge_off(state: State, _: Mapping[str, str], fact: Mapping[str, Any], change: Change) -> None:
    loan, day = state["loans"][fact["loan"]], dt.date.fromisoformat(fact["value_date"])
    loan["ended"] = day.toordinal()
    for month in range(loan["first"], loan["first"] + loan["count"]):
        if _due_day(loan, month) > loan["ended"]:
            change.count(state["region"], month, -1, 0 if loan["months"].get(str(month)) else -1)
    _note(state, fact["loan"], change)


def _pay(state: State, name: str, month: int, amount: int, change: Change) -> None:
    loan, months = state["loans"][name], state["loans"][name]["months"]
    before = months.get(str(month), 0)
    after = months[str(month)] = before + amount
    loan["paid"] += amount
    if bool(before) != bool(after) and _is_due(loan, month):
        change.count(state["region"], month, 0, -1 if after else 1)
    _note(state, name, change)


def _note(state: State, name: str, change: Change) -> None:
    loan = state["loans"][name]
    oldest = None
    if loan["ended"] is None and (covered := loan["paid"] // loan["amount"]) < loan["count"]:
        oldest = _due_day(loan, loan["first"] + covered)
    change.loans[name] = (name, state["region"], loan["paid"], oldest)


def _is_due(loan: Mapping[str, Any], month: int) -> bool:
    if not loan["first"] <= month < loan["first"] + loan["count"]:
        return False
    return loan["ended"] is None or _due_day(loan, month) <= loan["ended"]


def _due_day(loan: Mapping[str, Any], month: int) -> int:
    """Return a due day as a number; the contracts of the mix are due on the 28th at the latest."""
    return dt.date(month // 12, month % 12 + 1, loan["day"]).toordinal()


def _month_of(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


def _minor(amount: str) -> int:
    whole, _, cents = amount.partition(".")
    return int(whole) * 100 + int(cents or 0)


_HANDLERS = {
    "tocsin.client.registered.v1": _register,
    "tocsin.client.changed.v1": _register,
    "tocsin.loan.disbursed.v1": _disburse,
    "tocsin.repayment.received.v1": _repay,
    "tocsin.repayment.reversed.v1": _reverse,
    "tocsin.loan.charged_off.v1": _charge_off,
}
