"""What happens to the books of simulated worlds: a few loans and a project over some months, each shape another way.

A shape is drawn from its number alone, so its undisturbed end is known once for all seeds that disturb it.
"""

import datetime as dt
from random import Random
from typing import Any, NamedTuple

from tests.support import small_book
from tests.support.small_book import fact

SHAPES = 8
_SHARES = (0.1, 0.3, 0.6, 0.9, 0.2)
"""How many of the loans miss their payment, month by month: amber in the third, red in the fourth."""
_HELD = 2
"""Facts of every shape that wait in quarantine for what never comes."""

POLICY = """
policy: small
books:
  small:
    - id: missed
      indicator: missed_payment_rate
      basis: count
      segments: portfolio
      period: month
      direction: above
      amber: {enter: 50 %, leave: 40 %}
      red: {enter: 80 %, leave: 60 %}
      drivers: [region]
      owner: portfolio_manager
      acknowledge_within: 4 h
    - id: charge-offs
      indicator: charge_off_rate
      basis: count
      segments: [region]
      period: month
      direction: above
      red: {enter: 2 %, leave: 1 %}
      owner: portfolio_manager
    - id: slips
      indicator: project_slip_rate
      basis: count
      segments: portfolio
      period: month
      direction: above
      red: {enter: 40 %, leave: 10 %}
      owner: portfolio_manager
"""

PEOPLE = """
people:
  ann: {name: Ann, roles: [portfolio_manager], email: ann@bank.example}
  bo: {name: Bo, language: zh, email: bo@bank.example}
endpoints:
  chat:
    url: https://chat.bank.example/hooks/risk
    secrets: [whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=]
routes:
  all: {order: 10, owner: true, people: [bo], channels: [email, inbox], endpoints: [chat]}
"""


class Book(NamedTuple):
    """One shape."""

    facts: list[dict[str, Any]]
    """In the order of a calm run; any other order ends the same."""
    closes: list[dict[str, Any]]
    held: list[str]
    """Ids of facts that stay in quarantine."""
    contacts: list[str]
    """Clients whose contacts are put, with consent to be asked."""


def book_of(shape: int) -> Book:
    """Return the book of a shape."""
    dice = Random(shape)
    loans, months = dice.randint(8, 12), small_book.MONTHS[: dice.randint(4, 5)]
    facts = _beginnings(loans, dice)
    for index, month in enumerate(months):
        facts += _month(loans, index, month, dice)
    facts += _afterthoughts(loans, len(months), dice)
    held = [
        fact(f"lost-{number}", "repayment.received", months[0], loan=f"nobody-{number}", amount="1.00", currency="EUR")
        for number in range(_HELD)
    ]
    closes = [_close(small_book.end_of(index)) for index in range(len(months))]
    closes[1:1] = [_close(months[1].replace(day=20))]
    return Book([*facts, *held], closes, [one["id"] for one in held], [f"c{number}" for number in range(loans)])


def _close(day: dt.date) -> dict[str, Any]:
    return {"day": day.isoformat(), "known_at": f"{day}T23:00:00Z"}


def _beginnings(loans: int, dice: Random) -> list[dict[str, Any]]:
    first = dt.date(2023, 1, 1)
    facts = []
    for number in range(loans):
        region = {"region": dice.choice(("north", "south"))}
        facts.append(
            fact(f"c{number}", "client.registered", first, client=f"c{number}", kind="company", attributes=region)
        )
        schedule: dict[str, Any] = {"kind": "equal_principal", "first_due": "2023-02-15", "instalments": 6, "rate": "0"}
        loan = {"loan": f"l{number}", "client": f"c{number}", "currency": "EUR", "principal": "600.00"}
        facts.append(fact(f"l{number}", "loan.disbursed", first, **loan, schedule=schedule))
    facts.append(fact("q0", "project.registered", first, project="q0", client="c0", currency="EUR"))
    return facts


def _month(loans: int, index: int, month: dt.date, dice: Random) -> list[dict[str, Any]]:
    day = month.replace(day=15)
    missing = set(dice.sample(range(loans), round(loans * _SHARES[index])))
    facts = [
        fact(f"p{number}-{index}", "repayment.received", day, loan=f"l{number}", amount="100.00", currency="EUR")
        for number in range(loans)
        if number not in missing
    ]
    forecast = dt.date(2024, 1, 1) + dt.timedelta(days=dice.choice((0, 0, 120)) + 60 * index)
    report = {"project": "q0", "forecast_completion": forecast.isoformat()}
    facts.append(fact(f"r{index}", "project.reported", day, **report))
    return facts


def _afterthoughts(loans: int, months: int, dice: Random) -> list[dict[str, Any]]:
    """Return what changes the past: late, reversed and corrected payments, moves, a merger, losses, cures, ends."""
    late = small_book.MONTHS[months - 1].replace(day=25)
    one, two, three, four, five = dice.sample(range(loans), 5)
    wrong = {"book": small_book.BOOK, "value_date": "2023-02-16", "loan": f"l{two}"}
    facts = [
        fact("late", "repayment.received", dt.date(2023, 3, 20), loan=f"l{one}", amount="100.00", currency="EUR"),
        fact("extra", "repayment.received", dt.date(2023, 2, 15), loan=f"l{two}", amount="55.00", currency="EUR"),
        fact("fix", "fact.corrected", late, fact="extra", body={**wrong, "amount": "45.00", "currency": "EUR"}),
        fact("wrongly", "repayment.received", dt.date(2023, 3, 2), loan=f"l{three}", amount="20.00", currency="EUR"),
        fact("back", "repayment.reversed", late, loan=f"l{three}", repayment="wrongly", currency="EUR"),
        fact("move", "client.changed", dt.date(2023, 3, 10), client=f"c{one}", attributes={"region": "north"}),
        fact("cure", "repayment.received", late, loan=f"l{four}", amount="500.00", currency="EUR"),
        fact("end", "loan.closed", late, loan=f"l{four}"),
        fact("gone", "loan.charged_off", late, loan=f"l{five}"),
        fact("some", "recovery.received", late + dt.timedelta(days=1), loan=f"l{five}", amount="5.00", currency="EUR"),
    ]
    if dice.random() < 0.5:
        facts.append(fact("same", "client.merged", late, client=f"c{two}", into=f"c{three}"))
    if dice.random() < 0.5:
        facts.append(fact("annul", "fact.corrected", late, fact="late"))
    dice.shuffle(facts)
    return facts
