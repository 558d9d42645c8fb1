"""Threshold policies: rules with their levels, and which version of them holds on a business date (D12, D17).

A policy is a named document with rules for one or several books. Applying it again makes the next version; no version
is ever changed or deleted, so any alert can be derived again from the ledger and the versions.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from services.risk.domain.segments import PORTFOLIO
from shared.kernel.days import Day, format_day, format_month, month_end, month_of
from shared.kernel.ids import hashed_id


class Level(StrEnum):
    """How bad an indicator is by a rule; `none` is not an alert."""

    NONE = "none"
    AMBER = "amber"
    RED = "red"

    @property
    def rank(self) -> int:
        """Return 0 for none, 1 for amber, 2 for red."""
        return _RANKS[self]


_RANKS = {Level.NONE: 0, Level.AMBER: 1, Level.RED: 2}


class Direction(StrEnum):
    """On which side of its threshold a value is bad."""

    ABOVE = "above"
    BELOW = "below"

    def reaches(self, value: float, limit: float) -> bool:
        """Tell whether a value lies at the limit or beyond it on the bad side."""
        return value >= limit if self is Direction.ABOVE else value <= limit


class PeriodKind(StrEnum):
    """What one observation covers; periods are numbered by `Month` or by `Day`."""

    MONTH = "month"
    DAY = "day"

    def of(self, day: Day) -> int:
        """Return the number of the period in which a day lies."""
        return month_of(day) if self is PeriodKind.MONTH else day

    def end(self, period: int) -> Day:
        """Return the last day of a period."""
        return month_end(period) if self is PeriodKind.MONTH else period

    def text(self, period: int) -> str:
        """Return `YYYY-MM` or `YYYY-MM-DD`."""
        return format_month(period) if self is PeriodKind.MONTH else format_day(period)


class Threshold(msgspec.Struct, frozen=True):
    """A level with hysteresis: entered at `enter` or beyond, kept until the value is back inside `leave`. Fractions."""

    enter: float
    leave: float


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule of a policy: what is watched, where, how often, and from which values on it is amber or red.

    `currency` None means all currencies for counts and the book's base currency for exposures. `segments` are
    selectors: `portfolio`, an attribute (`region`: each of its values rings on its own) or one value (`region=TX`).
    `minimum_sample` counts loans or projects in the denominator, `minimum_numerator` those in the numerator. `dwell`
    is the number of rated periods for which a level must hold before it counts. `drivers` are attributes whose values
    are named as segments that drive an alert. `note` is said in every sentence, `weekend_note` only for a period
    whose last day is no working day of the book's calendar; `note_zh` and `weekend_note_zh` are the same in Chinese.
    `acknowledge_within_h` is by when somebody must have seen an alert, in hours of the wall clock: it is about delivery
    (D1), and notify minds it.
    """

    id: str
    book: str
    indicator: str
    owner: str
    basis: str = "count"
    currency: str | None = None
    segments: tuple[str, ...] = (PORTFOLIO,)
    period: PeriodKind = PeriodKind.MONTH
    direction: Direction = Direction.ABOVE
    amber: Threshold | None = None
    red: Threshold | None = None
    minimum_sample: int = 0
    minimum_numerator: int = 0
    dwell: int = 1
    drivers: tuple[str, ...] = ()
    note: str = ""
    weekend_note: str = ""
    note_zh: str = ""
    weekend_note_zh: str = ""
    acknowledge_within_h: float | None = None

    def threshold(self, level: Level) -> Threshold | None:
        """Return the threshold of a level, None where the rule has none."""
        return {Level.NONE: None, Level.AMBER: self.amber, Level.RED: self.red}[level]

    def watches(self, segment: str) -> bool:
        """Tell whether a segment (`portfolio` or `attribute=value`) rings by this rule."""
        return segment in self.segments or (segment != PORTFOLIO and segment.partition("=")[0] in self.segments)


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a policy file says. `effective_from` None: from the first day of each book."""

    name: str
    effective_from: Day | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def books(self) -> tuple[str, ...]:
        """Return the books that the policy has rules for, in its order."""
        return tuple(dict.fromkeys(rule.book for rule in self.rules))


class PolicyVersion(msgspec.Struct, frozen=True):
    """A policy as it was applied: its number (from 1, by name) and when the lender knew it."""

    policy: Policy
    version: int
    known_at: datetime


class InForce(msgspec.Struct, frozen=True):
    """A rule with the policy and version that it comes from."""

    policy: str
    version: int
    rule: Rule


class Cause(NamedTuple):
    """What an alert is about (D12). `currency` is empty where the measure has none or sums over all."""

    book: str
    indicator: str
    basis: str
    currency: str
    period_kind: PeriodKind
    segment: str
    direction: Direction


class IndicatorShape(Protocol):
    """What a policy must know of an indicator; `indicators.INDICATORS` holds them."""

    @property
    def name(self) -> str:
        """Name as in policies and the API."""

    @property
    def bases(self) -> Sequence[str]:
        """`count`, `exposure` or both; the first is meant when a rule names none."""

    @property
    def maturity(self) -> str:
        """`at_once` or `at_period_end` (D7)."""

    @property
    def period_kinds(self) -> Sequence[str]:
        """`month`, and `day` for a stock."""

    @property
    def lowest(self) -> float:
        """The least value that can be: 0 for a share, -1 for a difference of shares."""


class Catalogue(NamedTuple):
    """The names that a policy may use."""

    indicators: Mapping[str, IndicatorShape]
    attributes: Sequence[str]


def in_force(
    history: Sequence[PolicyVersion], book: str, day: Day, known_at: datetime | None = None
) -> tuple[InForce, ...]:
    """Return a book's rules that hold on a business date, by policy name and then in the order of the file.

    Of each policy one version holds: the one with the latest effective date up to that day, among equal dates the
    highest number (D17); one without a date holds from the book's first day, so before all dated ones. `known_at`
    leaves out what became known later: which rules did we believe to hold at that moment?
    """
    holding: dict[str, PolicyVersion] = {}
    for candidate in history:
        effective = candidate.policy.effective_from
        if (effective is not None and effective > day) or (known_at is not None and candidate.known_at > known_at):
            continue
        standing = holding.get(candidate.policy.name)
        if standing is None or _precedence(candidate) > _precedence(standing):
            holding[candidate.policy.name] = candidate
    return tuple(
        InForce(name, holding[name].version, rule)
        for name in sorted(holding)
        for rule in holding[name].policy.rules
        if rule.book == book
    )


def rule_named(history: Sequence[PolicyVersion], policy: str, version: int, rule: str) -> Rule:
    """Return a rule as it stands in a version of a policy; KeyError when there is none."""
    for candidate in history:
        if candidate.policy.name == policy and candidate.version == version:
            for found in candidate.policy.rules:
                if found.id == rule:
                    return found
    raise KeyError(f"policy {policy} v{version} has no rule {rule}")


def _precedence(version: PolicyVersion) -> tuple[int, int]:
    """Order the versions of one policy by which of two that may hold does."""
    return version.policy.effective_from or 0, version.version


def cause_of(rule: Rule, segment: str, base_currency: str) -> Cause:
    """Return the cause that a rule watches in a segment of its book."""
    currency = rule.currency or ("" if rule.basis == "count" else base_currency)
    return Cause(rule.book, rule.indicator, rule.basis, currency, rule.period, segment, rule.direction)


def causes_of(rules: Sequence[InForce], segments: Sequence[str], base_currency: str) -> list[Cause]:
    """Return the causes that rules watch among the segments that exist, each once, in a stable order."""
    found = {
        cause_of(held.rule, segment, base_currency): None
        for held in rules
        for segment in segments
        if held.rule.watches(segment)
    }
    return list(found)


RulesAt = Callable[[Day], tuple[InForce, ...]]
"""The rules on one cause that hold at a period's last day."""


def rules_on(
    history: Sequence[PolicyVersion], cause: Cause, base_currency: str, known_at: datetime | None = None
) -> RulesAt:
    """Return a function that tells the rules on a cause at a day; it looks each stretch between versions up once."""
    changes = sorted({version.policy.effective_from or 0 for version in history})
    remembered: dict[int, tuple[InForce, ...]] = {}

    def at(day: Day) -> tuple[InForce, ...]:
        stretch = sum(1 for change in changes if change <= day)
        if stretch not in remembered:
            remembered[stretch] = tuple(
                held
                for held in in_force(history, cause.book, day, known_at)
                if held.rule.watches(cause.segment) and cause_of(held.rule, cause.segment, base_currency) == cause
            )
        return remembered[stretch]

    return at


def rated_while_open(indicator: IndicatorShape, cause: Cause) -> bool:
    """Tell whether a period may be rated before it is final (D7).

    Only at-once indicators, and only upwards: while a period runs their numerator only grows, so an early value that
    is too high stays too high, and one that is low says nothing. A stock, which has daily values, is rated in an open
    day but not in an open month: by month it is its value at the month's last close.
    """
    if indicator.maturity != "at_once" or cause.direction is Direction.BELOW:
        return False
    return cause.period_kind is PeriodKind.DAY or "day" not in indicator.period_kinds


def alert_id(cause: Cause, episode: int) -> str:
    """Return the id of the alert of a cause's n-th episode, counted from 1 (D12)."""
    return hashed_id(
        cause.book,
        cause.indicator,
        cause.basis,
        cause.currency,
        cause.period_kind,
        cause.segment,
        cause.direction,
        episode,
    )
