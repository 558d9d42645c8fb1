"""A small book with a crisis, drawn by the dice: what its lender says, when, over which way, and how often.

Everything follows from the seed: ids, amounts, dates, order, ways. Each fact says itself when it was known, so that
nothing depends on when it arrives.
"""

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support import small_book

BOOK = small_book.BOOK
OPENING = small_book.OPENING
MONTHS = small_book.MONTHS
WORKERS = 4
_MISSED = (0.0, 0.1, 0.1, 0.6, 0.9, 0.7, 0.2, 0.0)
"""Which share of loans misses each month: amber in May, red in June."""
_SPAN = 1 / (len(MONTHS) + 1)

POLICY = (
    small_book.POLICY
    + """
    - id: late
      indicator: repayment_delay_rate
      basis: count
      segments: region
      period: month
      direction: above
      amber: {enter: 20 %, leave: 10 %}
      red: {enter: 50 %, leave: 30 %}
      owner: portfolio_manager
    - id: missed-by-region
      indicator: missed_payment_rate
      basis: count
      segments: region
      period: month
      direction: above
      amber: {enter: 30 %, leave: 20 %}
      red: {enter: 70 %, leave: 50 %}
      owner: portfolio_manager
    - id: at-risk
      indicator: par30
      segments: portfolio
      period: month
      direction: above
      red: {enter: 40 %, leave: 20 %}
      owner: portfolio_manager
"""
)


class Step(NamedTuple):
    """Something that one worker says at one time."""

    at: float
    """When it is due, as a share of the run."""
    kind: str
    """`one` (CloudEvent), `lines`, `batch`, `resource`, `topic` (another producer), `other` (an id used again)."""
    facts: tuple[dict[str, Any], ...]
    names: tuple[str, ...]
    """What the history calls them: the ids, but for `other`."""
    insists: bool = True
    """It is said again until it is answered; else once, whatever comes of it."""


class Close(NamedTuple):
    """The end of a month."""

    at: float
    day: dt.date


@dataclass
class Script:
    """All that is said in one run."""

    workers: list[list[Step]] = field(default_factory=lambda: [[] for _ in range(WORKERS)])
    closes: list[Close] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id, in the order of the book's days."""


def write_script(dice: random.Random, clients: int) -> Script:
    """Draw everything that is said about a book of so many clients, a loan each, over eight months."""
    writer = _Writer(dice, clients)
    writer.begin()
    for index in range(len(MONTHS)):
        writer.live_through(index)
        writer.script.closes.append(Close((index + 1.9) * _SPAN, small_book.end_of(index)))
    writer.share_out()
    return writer.script


class _Writer:
    def __init__(self, dice: random.Random, clients: int) -> None:
        self.script = Script()
        self._dice = dice
        self._loans = list(range(clients))
        self._gone: set[int] = set()
        self._paid: list[tuple[int, int]] = []
        self._told: list[tuple[float, dict[str, Any], bool]] = []

    def begin(self) -> None:
        """Clients and loans; a few loans come before their client, and wait for it."""
        for number in self._loans:
            client, loan = small_book.registration(number)
            self._tell(client, self._dice.uniform(0, 0.9))
            self._tell(loan, self._dice.uniform(0.1, 1.0))

    def live_through(self, index: int) -> None:
        """One month: who pays, who pays late, what is taken back, corrected, moved, given up, paid off."""
        dice, day = self._dice, MONTHS[index].replace(day=15)
        for number in self._loans:
            if number in self._gone or dice.random() < _MISSED[index]:
                continue
            paid = small_book.repayment(number, index)
            # One in ten is booked so late that its month is closed already.
            late = dice.random() < 0.1
            insists = dice.random() < 0.95
            self._tell(paid, index + 1 + dice.random() + (1 if late else 0), insists)
            if insists:
                self._paid.append((number, index))
        for number, when in dice.sample(self._paid, max(1, len(self._paid) // 40)):
            self._paid.remove((number, when))
            self._take_back(number, when, index)
        moved = dice.choice(self._loans)
        region = {"region": dice.choice(["north", "south", "west"])}
        change = small_book.fact(f"m{moved}-{index}", "client.changed", day, client=f"c{moved}", attributes=region)
        self._tell(change, index + 1 + dice.random())
        if 3 <= index <= 6:
            ending, word = dice.choice([("x", "loan.charged_off"), ("d", "loan.closed")])
            number = dice.choice([one for one in self._loans if one not in self._gone])
            self._gone.add(number)
            self._tell(small_book.fact(f"{ending}{number}", word, day.replace(day=20), loan=f"l{number}"), index + 1.5)

    def _take_back(self, number: int, when: int, index: int) -> None:
        day = MONTHS[index].replace(day=25)
        paid = f"p{number}-{when}"
        if self._dice.random() < 0.5:
            facts = {"loan": f"l{number}", "repayment": paid, "currency": "EUR"}
            undone = small_book.fact(f"r{number}-{when}", "repayment.reversed", day, **facts)
        else:
            body = {**small_book.repayment(number, when)["data"], "amount": "55.00"}
            undone = small_book.fact(f"f{number}-{when}", "fact.corrected", day, fact=paid, body=body)
        self._tell(undone, index + 1 + self._dice.random())

    def _tell(self, fact: dict[str, Any], month: float, insists: bool = True) -> None:
        self.script.facts[fact["id"]] = fact
        self._told.append((min(month * _SPAN, 0.99), fact, insists))

    def share_out(self) -> None:
        """Share what is told among workers: alone or together, with repeats, with ids used again and nonsense."""
        dice = self._dice
        told = sorted(self._told, key=lambda one: one[0])
        while told:
            size = dice.choice([1, 1, 1, 2, 5, 12])
            part, told = told[:size], told[size:]
            for insists in (True, False):
                facts = tuple(fact for _, fact, again in part if again is insists)
                if facts:
                    self._say(part[0][0], facts, insists)

    def _say(self, at: float, facts: tuple[dict[str, Any], ...], insists: bool) -> None:
        dice, worker = self._dice, self._dice.randrange(WORKERS)
        kind = dice.choice(["one", "resource", "topic"] if len(facts) == 1 else ["lines", "batch", "topic"])
        names = tuple(fact["id"] for fact in facts)
        self.script.workers[worker].append(Step(at, kind, facts, names, insists))
        if dice.random() < 0.1 and insists:
            self.script.workers[dice.randrange(WORKERS)].append(
                Step(at, dice.choice(["lines", "topic"]), facts, names, insists=False)
            )
        if dice.random() < 0.1 and insists and "amount" in facts[0]["data"]:
            other = {**facts[0], "data": {**facts[0]["data"], "amount": "1.00"}}
            self.script.workers[worker].append(Step(at, "other", (other,), (f"{names[0]}~other",), insists=False))
        if dice.random() < 0.05:
            wrong = small_book.repayment(0, 0)
            wrong = {**wrong, "id": f"wrong-{names[0]}", "data": {**wrong["data"], "amount": "-1.00"}}
            self.script.workers[worker].append(Step(at, "one", (wrong,), (wrong["id"],)))
