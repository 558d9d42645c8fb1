"""A small book with a crisis, made by arithmetic: enough for alerts to open, worsen and close within a few months."""

import datetime as dt
from typing import Any

BOOK = "small"
LOANS = 40
MONTHS = [dt.date(2023, month, 1) for month in range(2, 10)]
_MISSED_SHARE = [0, 1, 1, 6, 9, 7, 2, 0]
"""Of ten loans, how many miss each month: amber in May, red in June."""

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
    - id: charge-offs
      indicator: charge_off_rate
      basis: count
      segments: portfolio
      period: month
      direction: above
      red: {enter: 2 %, leave: 1 %}
      owner: portfolio_manager
"""

OPENING: dict[str, Any] = {
    "book": BOOK,
    "base_currency": "EUR",
    "time_zone": "UTC",
    "calendar": "WEEKENDS",
    "first_day": "2023-01-01",
    "known_at": "2023-01-01T00:00:00Z",
    "tolerance": {"EUR": "0.50"},
    "segment_attributes": ["region"],
}


def fact(identity: str, what: str, day: dt.date, **body: Any) -> dict[str, Any]:
    """Return a CloudEvent of this book."""
    data = {"book": BOOK, "value_date": day.isoformat(), "known_at": f"{day.isoformat()}T12:00:00Z", **body}
    return {"specversion": "1.0", "id": identity, "source": "tests", "type": f"tocsin.{what}.v1", "data": data}


def registration(number: int) -> list[dict[str, Any]]:
    """Return a client and its loan."""
    first = dt.date(2023, 1, 1)
    region = {"region": ("north", "south")[number % 2]}
    schedule = {"kind": "equal_principal", "first_due": "2023-02-15", "instalments": 12, "rate": "0.06"}
    loan = {"loan": f"l{number}", "client": f"c{number}", "currency": "EUR", "principal": "1200.00"}
    return [
        fact(f"c{number}", "client.registered", first, client=f"c{number}", kind="company", attributes=region),
        fact(f"l{number}", "loan.disbursed", first, **loan, schedule=schedule),
    ]


def repayment(number: int, index: int) -> dict[str, Any]:
    """Return what a loan pays in a month."""
    day = MONTHS[index].replace(day=15)
    paid = {"loan": f"l{number}", "amount": "110.00", "currency": "EUR"}
    return fact(f"p{number}-{index}", "repayment.received", day, **paid)


def beginnings() -> list[dict[str, Any]]:
    """Return clients and loans."""
    return [one for number in range(LOANS) for one in registration(number)]


def month_of_facts(index: int) -> list[dict[str, Any]]:
    """Return what happens in a month: payments of those who pay, and one charge-off in July."""
    facts = [
        repayment(number, index)
        for number in range(LOANS)
        if number % 10 >= _MISSED_SHARE[index] and (number != 7 or index < 5)
    ]
    if index == 5:
        facts.append(fact("x7", "loan.charged_off", MONTHS[index].replace(day=20), loan="l7"))
    return facts


def end_of(index: int) -> dt.date:
    """Return the last day of a month of the book."""
    return MONTHS[index].replace(month=MONTHS[index].month + 1) - dt.timedelta(days=1)
