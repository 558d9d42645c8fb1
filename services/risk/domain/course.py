"""The course of the alerts of one cause, derived from its values and rules: nothing is remembered in between (D12).

Deriving always starts from the first period, so that what is found does not depend on the order in which facts came
(D14). `revision.py` compares it with the alerts that stand.
"""

from collections.abc import Iterable, Sequence

import msgspec

from services.risk.domain.policy import InForce, Level, RulesAt
from services.risk.domain.rating import Observation, RatingReason, ratable, rate


class RuleLevel(msgspec.Struct, frozen=True, array_like=True):
    """What one rule says in a period, and by which version of which policy."""

    policy: str
    version: int
    rule: str
    owner: str
    level: Level
    reason: RatingReason


class PeriodLevel(msgspec.Struct, frozen=True, array_like=True):
    """What a period says about an alert: the highest level of its rules, the value, and each rule's own say.

    The first of `rules` leads: it has the alert's level and names its owner. Empty when no rule watches any more.
    """

    level: Level
    observation: Observation
    rules: tuple[RuleLevel, ...]

    @property
    def period(self) -> int:
        """Number of the period."""
        return self.observation.period

    @property
    def provisional(self) -> bool:
        """Tell whether the period was not final when it was rated."""
        return not self.observation.final


class Episode(msgspec.Struct, frozen=True, array_like=True):
    """One stretch in which a cause was at amber or red: its periods in order, and the period in which it ended.

    Periods without a value are not among them; `closing` is None while the stretch lasts.
    """

    periods: tuple[PeriodLevel, ...]
    closing: PeriodLevel | None = None

    @property
    def opening(self) -> PeriodLevel:
        """The period in which it opened."""
        return self.periods[0]

    @property
    def latest(self) -> PeriodLevel:
        """The last period that says something about it, the closing one included."""
        return self.closing or self.periods[-1]

    @property
    def peak(self) -> Level:
        """The highest level that it had."""
        return max((entry.level for entry in self.periods), key=lambda level: level.rank)


class Course(msgspec.Struct, frozen=True):
    """All episodes of a cause in order, and every period that was rated, for telling what became of a withdrawn one."""

    episodes: tuple[Episode, ...]
    rated: dict[int, PeriodLevel]


def derive(observations: Iterable[Observation], rules_at: RulesAt, *, while_open: bool = False) -> Course:
    """Return the course of a cause.

    `observations`: its published values, at most one per period, in any order. `rules_at`: the rules on this cause at
    a day. `while_open`: `policy.rated_while_open`. A period that is not final can only raise the level; whether it
    eases or ends is known when it is final. A period without a value changes nothing, except that rules which no
    longer hold leave. Periods count once each for dwell, also when months without a value lie between.
    """
    deriving = _Deriving()
    for observation in sorted(observations, key=lambda seen: seen.period):
        if ratable(observation, while_open):
            deriving.take(observation, rules_at(observation.as_of))
    return deriving.course()


class _RuleCourse:
    """One rule's levels so far, across the versions of its policy."""

    __slots__ = ("effective", "raw")

    def __init__(self) -> None:
        self.raw: list[Level] = []
        self.effective = Level.NONE

    def step(self, held: InForce, observation: Observation) -> RuleLevel:
        """Take a period in; return what the rule says in it."""
        rule = held.rule
        before = self.raw[-1] if self.raw else Level.NONE
        rating = rate(rule, observation, before)
        level, reason = self.effective, rating.reason
        if rating.reason is not RatingReason.NO_VALUE:
            window = [*self.raw[-(rule.dwell - 1) :], rating.level] if rule.dwell > 1 else [rating.level]
            level = min(window, key=lambda seen: seen.rank) if len(window) >= rule.dwell else Level.NONE
            if level is not rating.level:
                reason = RatingReason.DWELLING
            if observation.final or level.rank > self.effective.rank:
                self.raw.append(rating.level)
                self.effective = level
            else:
                level, reason = self.effective, RatingReason.HELD
        return RuleLevel(held.policy, held.version, rule.id, rule.owner, level, reason)


class _Deriving:
    """The state of one derivation."""

    def __init__(self) -> None:
        self.courses: dict[tuple[str, str], _RuleCourse] = {}
        self.level = Level.NONE
        self.open: list[PeriodLevel] = []
        self.episodes: list[Episode] = []
        self.rated: dict[int, PeriodLevel] = {}

    def take(self, observation: Observation, rules: Sequence[InForce]) -> None:
        """Take the next period in."""
        if not observation.final and not rules:
            return
        if observation.final:
            holding = {(held.policy, held.rule.id) for held in rules}
            self.courses = {key: course for key, course in self.courses.items() if key in holding}
        said = [
            self.courses.setdefault((held.policy, held.rule.id), _RuleCourse()).step(held, observation)
            for held in rules
        ]
        # Sorting is stable: among rules of one level the first of the policy leads.
        said.sort(key=lambda rule: -rule.level.rank)
        level = said[0].level if said else Level.NONE
        entry = PeriodLevel(level, observation, tuple(said))
        self.rated[observation.period] = entry
        if not observation.final and level.rank <= self.level.rank:
            return
        if observation.value is None and level is self.level:
            return
        self.level = level
        if level is not Level.NONE:
            self.open.append(entry)
        elif self.open:
            self.episodes.append(Episode(tuple(self.open), entry))
            self.open = []

    def course(self) -> Course:
        """Return what was found, the episode that lasts included."""
        if self.open:
            self.episodes.append(Episode(tuple(self.open)))
            self.open = []
        return Course(tuple(self.episodes), self.rated)
