"""The work that every peer does, as a pure step from one client's state to the next; msgspec beside Python's own.

Every fact is kept once with its body; every loan with what is paid, what is owed and since when; and the same counters
as risk's, for the whole book and each region, by day and by month. Repeats change nothing (event ids are kept with the
client). A fact that is dated after all others of its loan continues the loan's life, another one has it lived again,
with and without it (`peers.loan`). The state is plain JSON, so that every peer can keep it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec

from benchmarks.peers import loan as loans
from benchmarks.peers.loan import Loan
from benchmarks.peers.sums import Rows, Sums, month_of, no_rows

State = dict[str, Any]
"""attributes of the client; known: by event id, of a repayment (loan, day, amount), else null; loans by name."""

FactRow = tuple[str, str, str, bytes]
"""(id, client, type, body)."""
LoanRow = tuple[str, str, str, int, int | None, int, int, int, int | None]
"""(loan, client, status, first day, last day or None, principal and paid in cents, number of covered instalments, due
day of the first one that is not or None when the loan has ended)."""
CounterRow = tuple[str, str, int, int]
"""(segment, measure, day or month, what to add)."""


class Change:
    """What some facts changed: rows of loans as they are now, and what to add to counters."""

    def __init__(self) -> None:
        """Nothing changed yet."""
        self.facts: list[FactRow] = []
        self.loans: dict[str, LoanRow] = {}
        self.regions: defaultdict[str, Sums] = defaultdict(Sums)
        self.records = 0

    def add(self, other: "Change") -> None:
        """Add what later facts changed."""
        self.facts += other.facts
        self.loans.update(other.loans)
        for region, sums in other.regions.items():
            self.regions[region].add(sums)
        self.records += other.records

    def by_segment(self) -> dict[str, Rows]:
        """Return what to add to the counters by day of the whole book and of each region."""
        portfolio = Sums()
        for sums in self.regions.values():
            portfolio.add(sums)
        regions = {f"region={name}": sums.written_out() for name, sums in self.regions.items()}
        return {"portfolio": portfolio.written_out(), **regions}

    def counter_rows(self) -> tuple[list[CounterRow], list[CounterRow]]:
        """Return the same as rows by day and by month, in the order of their keys."""
        by_day: list[CounterRow] = []
        by_month: list[CounterRow] = []
        for segment, rows in self.by_segment().items():
            months = no_rows()
            for (measure, day), value in rows.items():
                if value:
                    by_day.append((segment, measure, day, value))
                    months[measure, month_of(day)] += value
            by_month += [(segment, measure, month, value) for (measure, month), value in months.items() if value]
        return sorted(by_day), sorted(by_month)


class _Client(msgspec.Struct):
    attributes: dict[str, str]


class _Schedule(msgspec.Struct):
    first_due: dt.date
    instalments: int
    amount: str
    rate: str


class _Disbursed(msgspec.Struct):
    loan: str
    value_date: dt.date
    principal: str
    schedule: _Schedule


class _Repaid(msgspec.Struct):
    loan: str
    value_date: dt.date
    amount: str


class _ChargedOff(msgspec.Struct):
    loan: str
    value_date: dt.date


def step(state: State | None, headers: Iterable[tuple[str, bytes]], body: bytes, change: Change) -> State:
    """Return a client's state after one event, a CloudEvent in binary mode; note in `change` what changes."""
    state = state or {"attributes": {}, "known": {}, "loans": {}}
    change.records += 1
    attributes = dict(headers)
    handle = _HANDLERS.get(attributes["ce_type"])
    if handle is None or (event_id := attributes["ce_id"].decode()) in state["known"]:
        return state
    client = attributes["ce_client"].decode()
    change.facts.append((event_id, client, attributes["ce_type"].decode(), body))
    state["known"][event_id] = None
    name = handle(state, attributes, body, change)
    if name is not None:
        loan = state["loans"][name]
        change.loans[name] = (
            name,
            client,
            "active" if loan["charged_off"] is None else "charged_off",
            loan["start"],
            loan["charged_off"],
            loan["principal"],
            loan["paid"],
            loan["covered"],
            loan["oldest_due"],
        )
    return state


_read_client = msgspec.json.Decoder(_Client).decode
_read_disbursed = msgspec.json.Decoder(_Disbursed).decode
_read_repaid = msgspec.json.Decoder(_Repaid).decode
_read_charged_off = msgspec.json.Decoder(_ChargedOff).decode


def _register(state: State, _headers: Mapping[str, bytes], body: bytes, _change: Change) -> None:
    """Clients of the mix change their officer, never the region that their loans count in."""
    state["attributes"] |= _read_client(body).attributes


def _disburse(state: State, _headers: Mapping[str, bytes], body: bytes, change: Change) -> str:
    fact = _read_disbursed(body)
    loan: Loan = {
        "start": fact.value_date.toordinal(),
        "amount_lent": _cents(fact.principal),
        "first_due": fact.schedule.first_due.toordinal(),
        "count": fact.schedule.instalments,
        "instalment": _cents(fact.schedule.amount),
        "rate": _rate_of_month(fact.schedule.rate),
        "charged_off": None,
    }
    state["loans"][fact.loan] = loan
    loans.begin(loan, _sums_of(state, change))
    return fact.loan


def _repay(state: State, headers: Mapping[str, bytes], body: bytes, change: Change) -> str:
    fact = _read_repaid(body)
    name, day, amount = fact.loan, fact.value_date.toordinal(), _cents(fact.amount)
    loan, repaid = state["loans"][name], {headers["ce_id"].decode(): (name, day, amount)}
    if day < loan["last_day"] or loan["charged_off"] is not None:
        _live_again(state, name, repaid, loan["charged_off"], change)
    else:
        state["known"] |= repaid
        loans.pay(loan, day, amount, _sums_of(state, change))
    return name


def _reverse(state: State, headers: Mapping[str, bytes], _body: bytes, change: Change) -> str:
    target = headers["ce_target"].decode()
    name: str = state["known"][target][0]
    _live_again(state, name, {target: None}, state["loans"][name]["charged_off"], change)
    return name


def _charge_off(state: State, _headers: Mapping[str, bytes], body: bytes, change: Change) -> str:
    fact = _read_charged_off(body)
    loan, day = state["loans"][fact.loan], fact.value_date.toordinal()
    if day < loan["last_day"]:
        _live_again(state, fact.loan, {}, day, change)
    else:
        loans.charge_off(loan, day, _sums_of(state, change))
    return fact.loan


def _live_again(state: State, name: str, new: Mapping[str, Any], charged_off: int | None, change: Change) -> None:
    """Take off what a loan's life came to, add what it comes to with what is new."""
    loan, sums, before = state["loans"][name], _sums_of(state, change), Sums()
    loans.live(loan, _payments_of(state, name), loan["charged_off"], before)
    sums.add(before, -1)
    state["known"] |= new
    loans.live(loan, _payments_of(state, name), charged_off, sums)


def _payments_of(state: State, name: str) -> list[tuple[int, int]]:
    return [(known[1], known[2]) for known in state["known"].values() if known is not None and known[0] == name]


def _sums_of(state: State, change: Change) -> Sums:
    return change.regions[state["attributes"]["region"]]


@lru_cache(maxsize=1_024)
def _rate_of_month(yearly: str) -> tuple[int, int]:
    return (Fraction(yearly) / 12).as_integer_ratio()


def _cents(amount: str) -> int:
    whole, _, cents = amount.partition(".")
    return int(whole) * 100 + int(cents or 0)


_HANDLERS: dict[bytes, Callable[[State, Mapping[str, bytes], bytes, Change], str | None]] = {
    b"tocsin.client.registered.v1": _register,
    b"tocsin.client.changed.v1": _register,
    b"tocsin.loan.disbursed.v1": _disburse,
    b"tocsin.repayment.received.v1": _repay,
    b"tocsin.repayment.reversed.v1": _reverse,
    b"tocsin.loan.charged_off.v1": _charge_off,
}
