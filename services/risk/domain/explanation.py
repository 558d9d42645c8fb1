"""Why an alert says what it says, as data: value and level, the change split into segments, the largest subjects.

`sentence.py` says it in words; both are kept with each revision, so that an officer can defend a warning later.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from services.risk.domain.course import PeriodLevel
from services.risk.domain.policy import Cause, Level, PeriodKind, Rule, Threshold
from services.risk.domain.rating import Observation
from services.risk.domain.revision import Change
from shared.kernel.days import Day, format_day

SERIES_PERIODS = 24
"""How many periods with a value, up to that of the revision, are told."""

SEGMENTS_NAMED = 5
"""How many driving segments are named one by one; the others are summed."""


class Shares(NamedTuple):
    """A segment's numerator and denominator in a period and in the period that it is compared with."""

    numerator: int
    denominator: int
    numerator_before: int
    denominator_before: int


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """A loan or project that weighs most in the numerator: its id, what is the matter, the amount if there is one.

    `what_zh` says what is the matter in Chinese.
    """

    id: str
    what: str
    amount_minor: int | None = None
    currency: str | None = None
    what_zh: str = ""


class Contribution(msgspec.Struct, frozen=True):
    """A segment's part of a change, as a fraction of the whole denominator, with its own rates (None: nothing there).

    The contributions of all values of an attribute add up to the change.
    """

    segment: str
    contribution: float
    value: float | None
    numerator: int
    denominator: int
    value_before: float | None
    numerator_before: int
    denominator_before: int


class Split(msgspec.Struct, frozen=True):
    """A change split by one attribute: the segments that made most of it, and the sum of all others.

    `rest` also holds what lies in no value of the attribute.
    """

    attribute: str
    contributions: tuple[Contribution, ...]
    rest: float
    rest_segments: int


class Comparison(msgspec.Struct, frozen=True):
    """The change against the period before."""

    period: str
    value: float
    numerator: int
    denominator: int
    change: float
    splits: tuple[Split, ...]


class RuleSaid(msgspec.Struct, frozen=True):
    """What one of the rules on the cause says."""

    policy: str
    policy_version: int
    rule: str
    owner: str
    level: str
    reason: str


class PeriodAmended(msgspec.Struct, frozen=True):
    """What changed in a period that had been settled; None where the period was or is no part of the alert."""

    period: str
    value_before: float | None
    level_before: str | None
    value: float | None
    level: str | None


class PeriodSaid(msgspec.Struct, frozen=True):
    """One period of the course that led to a revision, for a chart: its value and the level that it had."""

    period: str
    as_of: str
    value: float
    numerator: int
    denominator: int
    level: str
    final: bool


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that a revision of an alert can be defended with. Rates are fractions, amounts minor units."""

    change: str
    reason: str
    because: str = ""
    book: str
    segment: str
    indicator: str
    title: str
    counted: str
    basis: str
    currency: str = ""
    direction: str
    period: str
    opened_period: str
    as_of: str
    provisional: bool = False
    value: float | None = None
    numerator: int = 0
    denominator: int = 0
    sample: int = 0
    parts: dict[str, int] = {}
    level: str
    level_before: str
    amber: Threshold | None = None
    red: Threshold | None = None
    policy: str
    policy_version: int
    rule: str
    owner: str
    rules: tuple[RuleSaid, ...] = ()
    before: Comparison | None = None
    amended: tuple[PeriodAmended, ...] = ()
    top: tuple[Subject, ...] = ()
    data_as_of: str
    data_age_days: int = 0
    notes: tuple[str, ...] = ()
    notes_zh: tuple[str, ...] = ()
    peak_level: str
    series: tuple[PeriodSaid, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON-able values, for events and replies."""
        data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return data


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What an explanation needs beside the revision itself.

    `title`: of the indicator. `counted`: what its counts count. `before`: the value that the revision's period is
    compared with, see `value_before`.
    `drivers`: by attribute and value of it, the shares of both periods (inside the alert's own segment).
    `data_age_days`: from the latest fact to the end of the period. `off_work_end`: the period's last day is no working
    day of the book's calendar. `because`: what changed the past, such as `repayment` (the cause of a mark).
    `peak_level`: the alert's highest level up to the revision. `observations`: the cause's values by rising period.
    `rated`: the periods that were rated.
    """

    title: str
    counted: str = "loans"
    before: Observation | None = None
    drivers: Mapping[str, Mapping[str, Shares]] = {}
    parts: Mapping[str, int] = {}
    top: Sequence[Subject] = ()
    data_age_days: int = 0
    off_work_end: bool = False
    because: str = ""
    peak_level: Level = Level.NONE
    observations: Sequence[Observation] = ()
    rated: Mapping[int, PeriodLevel] = {}


def value_before(observations: Sequence[Observation], period: int) -> Observation | None:
    """Return the last value before a period: months without one are skipped, as the rating skips them."""
    earlier = [seen for seen in observations if seen.period < period and seen.value is not None]
    return max(earlier, key=lambda seen: seen.period, default=None)


def explain(cause: Cause, change: Change, rule: Rule, circumstances: Circumstances) -> Explanation:
    """Return the explanation of a revision; `rule` is the one that `change.lead` names, in that version."""
    kind, observation, lead = cause.period_kind, change.entry.observation, change.lead
    notes = [(rule.note, rule.note_zh)]
    if circumstances.off_work_end:
        notes.append((rule.weekend_note, rule.weekend_note_zh))
    data_as_of: Day = observation.as_of - circumstances.data_age_days
    return Explanation(
        change=change.kind.value,
        reason=change.reason.value,
        because=circumstances.because,
        book=cause.book,
        segment=cause.segment,
        indicator=cause.indicator,
        title=circumstances.title,
        counted=circumstances.counted,
        basis=cause.basis,
        currency=cause.currency,
        direction=cause.direction.value,
        period=kind.text(observation.period),
        opened_period=kind.text(change.opened_period),
        as_of=format_day(observation.as_of),
        provisional=change.provisional,
        value=observation.value,
        numerator=observation.numerator,
        denominator=observation.denominator,
        sample=observation.sample,
        parts=dict(circumstances.parts),
        level=change.level.value,
        level_before=change.level_before.value,
        amber=rule.amber,
        red=rule.red,
        policy=lead.policy,
        policy_version=lead.version,
        rule=lead.rule,
        owner=lead.owner,
        rules=_rules(change.entry),
        before=_compare(cause, observation, circumstances),
        amended=tuple(
            PeriodAmended(kind.text(each.period), *_said(each.before), *_said(each.after)) for each in change.amendments
        ),
        top=tuple(circumstances.top),
        data_as_of=format_day(data_as_of),
        data_age_days=circumstances.data_age_days,
        notes=tuple(note for note, _ in notes if note),
        notes_zh=tuple(note_zh or note for note, note_zh in notes if note_zh or note),
        peak_level=circumstances.peak_level.value,
        series=_series(kind, observation.period, circumstances),
    )


def _series(kind: PeriodKind, period: int, circumstances: Circumstances) -> tuple[PeriodSaid, ...]:
    """Return the last periods up to one that have a value, with their levels; the rating skips the others, too."""
    past = (seen for seen in circumstances.observations if seen.period <= period)
    valued = [(seen, seen.value) for seen in past if seen.value is not None]
    rated = circumstances.rated
    return tuple(
        PeriodSaid(
            kind.text(seen.period),
            format_day(seen.as_of),
            value,
            seen.numerator,
            seen.denominator,
            (rated[seen.period].level if seen.period in rated else Level.NONE).value,
            seen.final,
        )
        for seen, value in valued[-SERIES_PERIODS:]
    )


def contributions_of(
    observation: Observation, before: Observation, segments: Mapping[str, Shares]
) -> dict[str, Fraction]:
    """Return each segment's part of the change of a rate, exact.

    (numerator - rate before x denominator) / whole denominator: what the segment adds beyond what its size would have
    added at the rate before. Over segments that make up the whole they add up to the change of the rate, whether their
    own rates moved or they only grew.
    """
    rate_before = Fraction(before.numerator, before.denominator)
    return {
        name: (shares.numerator - rate_before * shares.denominator) / observation.denominator
        for name, shares in segments.items()
    }


def _compare(cause: Cause, observation: Observation, circumstances: Circumstances) -> Comparison | None:
    """Compare with the period before, None where one of the two has no value."""
    before = circumstances.before
    if before is None or before.value is None or not observation.denominator or not before.denominator:
        return None
    change = Fraction(observation.numerator, observation.denominator) - Fraction(before.numerator, before.denominator)
    splits = (
        _split(attribute, change, segments, contributions_of(observation, before, segments))
        for attribute, segments in circumstances.drivers.items()
        if segments
    )
    return Comparison(
        period=cause.period_kind.text(before.period),
        value=before.value,
        numerator=before.numerator,
        denominator=before.denominator,
        change=float(change),
        splits=tuple(splits),
    )


def _split(
    attribute: str, change: Fraction, segments: Mapping[str, Shares], contributions: Mapping[str, Fraction]
) -> Split:
    """Name the segments that pushed most in the direction of the change; the others become the rest."""
    sign = -1 if change < 0 else 1
    pushing = sorted(name for name in segments if sign * contributions[name] > 0)
    pushing.sort(key=lambda name: sign * contributions[name], reverse=True)
    named = pushing[:SEGMENTS_NAMED]
    return Split(
        attribute=attribute,
        contributions=tuple(
            Contribution(
                segment=f"{attribute}={name}",
                contribution=float(contributions[name]),
                value=_rate(segments[name].numerator, segments[name].denominator),
                numerator=segments[name].numerator,
                denominator=segments[name].denominator,
                value_before=_rate(segments[name].numerator_before, segments[name].denominator_before),
                numerator_before=segments[name].numerator_before,
                denominator_before=segments[name].denominator_before,
            )
            for name in named
        ),
        rest=float(change - sum(contributions[name] for name in named)),
        rest_segments=len(segments) - len(named),
    )


def _rate(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def _rules(entry: PeriodLevel) -> tuple[RuleSaid, ...]:
    return tuple(
        RuleSaid(each.policy, each.version, each.rule, each.owner, each.level.value, each.reason.value)
        for each in entry.rules
    )


def _said(entry: PeriodLevel | None) -> tuple[float | None, str | None]:
    """Return a period's value and level."""
    return (None, None) if entry is None else (entry.observation.value, entry.level.value)
