"""Facts as they travel -> facts as the fold reads them: day numbers, minor units, targets resolved."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from services.risk.domain.client import ClientFact, ClientKind
from services.risk.domain.loan_facts import LoanFact, LoanKind
from services.risk.domain.schedule import Generated, Instalment, Terms
from services.risk.handlers.arrivals import MESSAGES
from shared.events import facts
from shared.kernel.days import day_of
from shared.kernel.money import parse_amount

import msgspec


class Told(NamedTuple):
    """A fact with its times, from the log or from the ledger."""

    event_id: str
    type: str
    known_at_us: int
    target: str
    message: Any


def attributes_in(given: facts.Attributes) -> dict[str, str]:
    """Return the attributes that are named."""
    return {name: value for name in facts.ATTRIBUTES if (value := getattr(given, name)) is not None}


def loan_facts(told: Sequence[Told]) -> list[LoanFact]:
    """Return a loan's facts for the fold; ValueError names an amount or currency that cannot be."""
    types = {one.event_id: one.type for one in told}
    return [_loan_fact(one, types) for one in told]


def client_facts(told: Sequence[Told]) -> list[ClientFact]:
    """Return a client's facts that say something about its attributes."""
    types = {one.event_id: one.type for one in told}
    found = (_client_fact(one, types) for one in told)
    return [fact for fact in found if fact is not None]
