"""Rating one observation by one rule: levels with hysteresis and minimum sample (D7, D12)."""

import msgspec

from services.risk.domain.policy import Level, Rule
from shared.kernel.days import Day
from shared.kernel.reason import Reason


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """A published value of an indicator in a period.

    `period` is a `Month` or a `Day` number, `as_of` the period's last day, `value` a fraction or None where the
    denominator is 0. `numerator` and `denominator` are counts or minor units, `sample` always counts the loans or
    projects in the denominator.
    """

    period: int
    as_of: Day
    value: float | None
    numerator: int
    denominator: int
    sample: int
    final: bool


class RatingReason(Reason):
    """Why a rule gives a level in a period."""

    REACHED = "reached"
    HELD = "held"
    EASED = "eased"
    LEFT = "left"
    WITHIN = "within"
    BELOW_MINIMUM_SAMPLE = "below_minimum_sample"
    BELOW_MINIMUM_NUMERATOR = "below_minimum_numerator"
    DWELLING = "dwelling"
    NO_VALUE = "no_value"


class Rating(msgspec.Struct, frozen=True):
    """A level and why."""

    level: Level
    reason: RatingReason


def ratable(observation: Observation, while_open: bool) -> bool:
    """Tell whether a period may be rated now: when final, or at once where `policy.rated_while_open` says so (D7)."""
    return observation.final or while_open


def rate(rule: Rule, observation: Observation, before: Level) -> Rating:
    """Return the level of an observation, given the level before it.

    A level is entered at its enter value or beyond, and only with the minimum sample and numerator; it is kept while
    the value has not come back inside its leave value, whatever the sample: a shrinking denominator is no recovery.
    From red it falls to amber while amber's leave value is still reached. Without a value nothing changes.
    """
    value = observation.value
    if value is None:
        return Rating(before, RatingReason.NO_VALUE)
    guard = _guard(rule, observation)
    barred = False
    for level in (Level.RED, Level.AMBER):
        threshold = rule.threshold(level)
        if threshold is None:
            continue
        entered = rule.direction.reaches(value, threshold.enter)
        if before.rank >= level.rank and rule.direction.reaches(value, threshold.leave):
            # What bars the next level is worth more to the reader than that this one is held.
            held = RatingReason.HELD if level is before else RatingReason.EASED
            return Rating(level, guard if barred and guard is not None else held)
        if entered and guard is None:
            return Rating(level, RatingReason.REACHED)
        barred = barred or entered
    if barred and guard is not None:
        return Rating(Level.NONE, guard)
    return Rating(Level.NONE, RatingReason.WITHIN if before is Level.NONE else RatingReason.LEFT)


def _guard(rule: Rule, observation: Observation) -> RatingReason | None:
    """Return what forbids entering a level, None when nothing does."""
    if observation.sample < rule.minimum_sample:
        return RatingReason.BELOW_MINIMUM_SAMPLE
    # A numerator may be negative (nps): a minimum of 0 forbids nothing.
    if rule.minimum_numerator and observation.numerator < rule.minimum_numerator:
        return RatingReason.BELOW_MINIMUM_NUMERATOR
    return None
