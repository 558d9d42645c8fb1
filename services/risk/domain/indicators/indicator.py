"""What an indicator is, and how it is read from the sums of its measures."""

from collections.abc import Callable
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec


@unique
class Maturity(StrEnum):
    """When a period may be rated (D7)."""

    AT_ONCE = "at_once"
    """A stock, or a rate whose denominator is fixed at the start and whose numerator only grows."""
    AT_PERIOD_END = "at_period_end"
    """A rate that means nothing before its period is final; before, it is the count so far."""


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator: its exact definition and the measures that it is made of, by basis."""

    name: str
    title: str
    definition: str
    """The definition in words, as printed on the generated page."""
    bases: tuple[str, ...]
    """`count`, `exposure`; the first is the one that is meant when nobody says."""
    numerator: dict[str, str]
    """Basis -> measure."""
    denominator: dict[str, str]
    sample: str
    """The measure that counts what is in the denominator: loans, projects, answers."""
    parts: dict[str, dict[str, str]] = {}
    """Basis -> part -> measure."""
    maturity: Maturity
    period_kinds: tuple[str, ...] = ("month",)
    """`month`: flows of the calendar month, stocks at its last close; `day`: stocks at the day's close."""
    version: int = 1
    """Of the definition; rises when a figure would come out differently."""
    good: str = "low"
    """`low` or `high`: which values are good news."""
    counted: str = "loans"
    """What its counts count."""
    lowest: float = 0.0
    """The least value that can be; the largest is 1 for all."""

    def measures(self, basis: str) -> tuple[str, ...]:
        """Return the names of all measures that a reading on this basis needs, each once."""
        parts = self.parts.get(basis, {}).values()
        names = (self.numerator[basis], self.denominator[basis], self.sample, *parts)
        return tuple(dict.fromkeys(names))


class Reading(NamedTuple):
    """A value with what it is made of; counts, or minor units on the basis of exposure."""

    value: float | None
    """Numerator / denominator; None when the denominator is 0."""
    numerator: int
    denominator: int
    sample: int
    parts: dict[str, int]


def reading(indicator: Indicator, basis: str, sums: Callable[[str], int]) -> Reading:
    """Return an indicator's value; `sums` gives the value of a measure in the period (see `measures.Kind`).

    KeyError when the indicator has no such basis.
    """
    numerator = sums(indicator.numerator[basis])
    denominator = sums(indicator.denominator[basis])
    return Reading(
        value=numerator / denominator if denominator else None,
        numerator=numerator,
        denominator=denominator,
        sample=sums(indicator.sample),
        parts={part: sums(measure) for part, measure in indicator.parts.get(basis, {}).items()},
    )
