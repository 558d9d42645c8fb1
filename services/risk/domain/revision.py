"""What changes in the alerts of a cause when its course is derived again: numbered revisions (D12, D14).

An episode of the course is the standing alert that it overlaps in time; any other episode is a new alert, and an alert
that no episode is left for is withdrawn. Applying the changes and deriving again changes nothing.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from services.risk.domain.course import Course, Episode, PeriodLevel, RuleLevel
from services.risk.domain.policy import Cause, Level, alert_id
from shared.kernel.days import Day
from shared.kernel.reason import Reason


class AlertState(StrEnum):
    """Where an alert is in its life; the derivation decides it alone."""

    OPEN = "open"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class ChangeKind(StrEnum):
    """What a revision does to an alert; the words of `AlertRevised.change`."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"
    CONTINUED = "continued"
    CONFIRMED = "confirmed"
    AMENDED = "amended"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class AlertReason(Reason):
    """Why a revision was made."""

    LEVEL_REACHED = "level_reached"
    LEVEL_ROSE = "level_rose"
    LEVEL_FELL = "level_fell"
    LEVEL_HELD = "level_held"
    LEVEL_LEFT = "level_left"
    PERIOD_FINAL = "period_final"
    PAST_CHANGED = "past_changed"
    RULE_ENDED = "rule_ended"
    VALUE_GONE = "value_gone"
    LEVEL_NOT_REACHED = "level_not_reached"
    JOINED = "joined"


class StandingAlert(msgspec.Struct, frozen=True):
    """An alert as it is stored: the part of it that the derivation needs. Withdrawn alerts belong here too.

    `revision` is the number of its last revision, acknowledgements included.
    """

    id: str
    episode: int
    state: AlertState
    revision: int
    course: Episode


def peak_level(alert: StandingAlert, period: int) -> Level:
    """Return an alert's highest level up to a period; that of its opening in any case."""
    course = alert.course.periods
    levels = [entry.level for entry in course if entry.period <= period] or [course[0].level]
    return max(levels, key=lambda level: level.rank)


class Amendment(msgspec.Struct, frozen=True):
    """What a period said about an alert before and after its past changed; None where it did not belong to it."""

    period: int
    before: PeriodLevel | None
    after: PeriodLevel | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an alert.

    `entry` is what its period says now; for a withdrawn alert, what the period of its opening says now, or said then
    when it has no value any more. `lead` names the rule to explain it by, `reason` why the revision was made.
    `level_before` is the alert's level before this revision.
    """

    alert: str
    episode: int
    revision: int
    kind: ChangeKind
    reason: AlertReason
    state: AlertState
    level: Level
    level_before: Level
    opened_period: int
    opened_as_of: Day
    entry: PeriodLevel
    lead: RuleLevel
    provisional: bool
    amendments: tuple[Amendment, ...] = ()

    @property
    def period(self) -> int:
        """Number of the period that the revision is about."""
        return self.entry.period

    @property
    def as_of(self) -> Day:
        """Last day of that period."""
        return self.entry.observation.as_of


class Reconciled(msgspec.Struct, frozen=True):
    """The alerts that changed, as they are to be stored, and their revisions in the order in which they happened."""

    alerts: tuple[StandingAlert, ...]
    changes: tuple[Change, ...]


def reconcile(cause: Cause, standing: Sequence[StandingAlert], course: Course) -> Reconciled:
    """Compare a derived course with the alerts that stand, and return what must be written.

    `standing`: every alert that this cause ever had. Nothing comes back when nothing changed.
    """
    number = max((alert.episode for alert in standing), default=0)
    unused = sorted(
        (alert for alert in standing if alert.state is not AlertState.WITHDRAWN),
        key=lambda alert: (alert.course.opening.period, alert.episode),
    )
    histories: list[_History] = []
    for episode in course.episodes:
        known = next((alert for alert in unused if _overlap(alert.course, episode)), None)
        if known is None:
            number += 1
            histories.append(_new(StandingAlert(alert_id(cause, number), number, AlertState.OPEN, 0, episode)))
        else:
            unused.remove(known)
            histories.append(_known(known, episode))
    histories.extend(_withdrawn(alert, course) for alert in unused)
    changed = [history for history in histories if history.changes]
    ordered = sorted(
        ((at, history.alert.episode, change) for history in changed for at, change in history.dated()),
        key=lambda item: item[:2],
    )
    return Reconciled(tuple(history.after() for history in changed), tuple(change for _, _, change in ordered))


def _overlap(one: Episode, other: Episode) -> bool:
    """Tell whether two episodes share a stretch of periods, the closing periods left out."""
    return one.opening.period <= other.periods[-1].period and other.opening.period <= one.periods[-1].period


class _History:
    """The revisions of one alert that are being written."""

    def __init__(self, alert: StandingAlert, derived: Episode) -> None:
        self.alert = alert
        self.derived = derived
        self.changes: list[Change] = []
        self.level = Level.NONE
        self.lead: RuleLevel | None = None

    def add(
        self, kind: ChangeKind, reason: AlertReason, entry: PeriodLevel, amendments: tuple[Amendment, ...] = ()
    ) -> None:
        """Write the next revision: the alert is as `entry` says, or withdrawn."""
        gone = kind is ChangeKind.WITHDRAWN
        level = Level.NONE if gone else entry.level
        self.lead = _lead(entry, level, self.lead)
        ended = AlertState.CLOSED if level is Level.NONE else AlertState.OPEN
        self.changes.append(
            Change(
                alert=self.alert.id,
                episode=self.alert.episode,
                revision=self.alert.revision + len(self.changes) + 1,
                kind=kind,
                reason=reason,
                state=AlertState.WITHDRAWN if gone else ended,
                level=level,
                level_before=self.level,
                opened_period=self.derived.opening.period,
                opened_as_of=self.derived.opening.observation.as_of,
                entry=entry,
                lead=self.lead,
                provisional=entry.provisional,
                amendments=amendments,
            )
        )
        self.level = level

    def dated(self) -> list[tuple[int, Change]]:
        """Return the revisions with the period that orders them among those of other alerts, their own order kept."""
        dated: list[tuple[int, Change]] = []
        for change in self.changes:
            dated.append((max(dated[-1][0], change.period) if dated else change.period, change))
        return dated

    def after(self) -> StandingAlert:
        """Return the alert as it is to be stored."""
        last = self.changes[-1]
        return StandingAlert(self.alert.id, self.alert.episode, last.state, last.revision, self.derived)


def _lead(entry: PeriodLevel, level: Level, before: RuleLevel | None) -> RuleLevel:
    """Return the rule that a revision is explained by: the one at the alert's level, or at its end the one that led."""
    if level is not Level.NONE or before is None:
        return entry.rules[0]
    same = (rule for rule in entry.rules if (rule.policy, rule.rule) == (before.policy, before.rule))
    return next(same, before)


def _new(alert: StandingAlert) -> _History:
    """Write the revisions of an alert that is not known yet."""
    history = _History(alert, alert.course)
    history.add(ChangeKind.OPENED, AlertReason.LEVEL_REACHED, alert.course.opening)
    for entry in _entries(alert.course)[1:]:
        _step(history, entry, None)
    return history


def _known(alert: StandingAlert, derived: Episode) -> _History:
    """Write what changed in an alert that stands: first its past in one revision, then what came since, in order."""
    history = _History(alert, derived)
    stored = {entry.period: entry for entry in _entries(alert.course)}
    history.level = alert.course.latest.level
    history.lead = alert.course.periods[-1].rules[0]
    through = max(stored)
    pending, amendments = _compare(stored, derived, through)
    anchor = None
    if amendments:
        past = [entry for entry in _entries(derived) if entry.period <= through and entry.period not in pending]
        anchor = past[-1] if past else derived.opening
        ended = anchor.level is Level.NONE and alert.state is AlertState.OPEN
        kind = ChangeKind.CLOSED if ended else ChangeKind.AMENDED
        history.add(kind, AlertReason.PAST_CHANGED, anchor, amendments)
    for entry in _entries(derived):
        # What was provisional before the anchor is told by the amendment: a later revision must not go back in time.
        told = anchor is not None and entry.period <= anchor.period
        if not told and (entry.period > through or entry.period in pending):
            _step(history, entry, stored.get(entry.period))
    return history


def _compare(
    stored: dict[int, PeriodLevel], derived: Episode, through: int
) -> tuple[frozenset[int], tuple[Amendment, ...]]:
    """Return the periods that were provisional and are still the alert's, and what changed in those that were settled.

    The first are news (a level rises within an open month, a close confirms it), the second rewrite the past.
    """
    found = {entry.period: entry for entry in _entries(derived)}
    settled = max((period for period, entry in stored.items() if not entry.provisional), default=-1)
    pending = frozenset(period for period in stored if period > settled and period in found)
    compared = sorted(period for period in stored.keys() | found.keys() if period <= through and period not in pending)
    changed = (Amendment(period, stored.get(period), found.get(period)) for period in compared)
    return pending, tuple(amendment for amendment in changed if amendment.before != amendment.after)


def _step(history: _History, entry: PeriodLevel, stored: PeriodLevel | None) -> None:
    """Write the revision that one more period makes, or the close of a provisional one; none if nothing is new."""
    before = stored.level if stored is not None else history.level
    if entry.level is Level.NONE:
        reason = AlertReason.LEVEL_LEFT if entry.rules else AlertReason.RULE_ENDED
        history.add(ChangeKind.CLOSED, reason, entry)
    elif entry.level.rank > before.rank:
        history.add(ChangeKind.WORSENED, AlertReason.LEVEL_ROSE, entry)
    elif entry.level.rank < before.rank:
        history.add(ChangeKind.EASED, AlertReason.LEVEL_FELL, entry)
    elif stored is None:
        history.add(ChangeKind.CONTINUED, AlertReason.LEVEL_HELD, entry)
    elif not entry.provisional:
        history.add(ChangeKind.CONFIRMED, AlertReason.PERIOD_FINAL, entry)


def _withdrawn(alert: StandingAlert, course: Course) -> _History:
    """Write the withdrawal of an alert that no episode is left for; its course stays as it was."""
    history = _History(alert, alert.course)
    history.level = alert.course.latest.level
    history.lead = alert.course.periods[-1].rules[0]
    opening = alert.course.opening
    entry = course.rated.get(opening.period)
    if entry is None or entry.observation.value is None:
        reason = AlertReason.VALUE_GONE
    elif entry.level is not Level.NONE:
        reason = AlertReason.JOINED
    else:
        reason = AlertReason.LEVEL_NOT_REACHED if entry.rules else AlertReason.RULE_ENDED
    history.add(ChangeKind.WITHDRAWN, reason, entry if entry is not None else opening)
    return history


def _entries(episode: Episode) -> tuple[PeriodLevel, ...]:
    """Return an episode's periods with the closing one."""
    return episode.periods if episode.closing is None else (*episode.periods, episode.closing)
