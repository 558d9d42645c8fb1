"""Surveys: an invitation and its answer, and what they add to `csat`, `nps` and `survey_response_rate`."""

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from services.risk.domain.anomaly import Anomaly, Contradiction
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, Rows, add_rows
from services.risk.domain.change import Change, Placeable, Total
from services.risk.domain.segments import SegmentLog, SegmentMove, segment_log
from shared.kernel.days import Day, month_end, month_of

SATISFIED = 4
PROMOTES = 9
DETRACTS = 6


@unique
class SurveyKind(StrEnum):
    """What happened to a survey; listed in the order in which events of one day are folded."""

    INVITED = "invited"
    ANSWERED = "answered"


_RANK = {kind: rank for rank, kind in enumerate(SurveyKind)}


class SurveyFact(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One event of one survey."""

    kind: SurveyKind
    day: Day
    """Business date of the invitation, of the answer."""
    known_at_us: int
    id: str
    expires: Day = 0
    """invited: the last day on which an answer counts."""
    csat: int | None = None
    """answered: satisfaction, 1 to 5."""
    nps: int | None = None
    """answered: how likely the client is to recommend the lender, 0 to 10."""


class SurveyState(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """State after its last event."""

    invited: Day | None = None
    expires: Day = 0
    answered: Day | None = None
    """An answer may come before its invitation is known: it counts, and waits for it."""
    csat: int | None = None
    nps: int | None = None
    segments: SegmentLog = ()
    """Whole: an answer counts in the month of its invitation, however long ago that was."""
    last_order: tuple[Day, int, int, str] = (0, 0, 0, "")


class SurveyFolded(NamedTuple):
    """Outcome of a fold: the state (None without events), what to add to the counters, contradictions."""

    state: SurveyState | None
    adds: Placeable
    anomalies: list[Anomaly]

    @property
    def cells(self) -> Cells:
        """What it adds, as cells."""
        return self.adds.cells()


def fold(facts: Sequence[SurveyFact], moves: Sequence[SegmentMove], terms: BookTerms) -> SurveyFolded:
    """Fold all events of one survey, given in any order, with the moves of its client between segments."""
    state: SurveyState | None = None
    anomalies: list[Anomaly] = []
    total = Total(terms)
    for fact in sorted(_each_once(facts), key=order_of):
        state, anomaly = _step(state or SurveyState(), fact)
        if anomaly is not None:
            anomalies.append(Anomaly(fact.id, anomaly))
    if state is None:
        return SurveyFolded(None, Placeable(total), anomalies)
    state.segments = segment_log({}, moves, terms.segment_attributes)
    total.add(Change(_rows(state)))
    return SurveyFolded(state, Placeable(total, state.segments), anomalies)


def order_of(fact: SurveyFact) -> tuple[Day, int, int, str]:
    """Return the place of an event among the events of its survey."""
    return (fact.day, _RANK[fact.kind], fact.known_at_us, fact.id)


def continues(state: SurveyState | None, fact: SurveyFact) -> bool:
    """Tell whether `proceed` may add the event: it comes after all others of its survey."""
    return state is not None and order_of(fact) > state.last_order


def proceed(state: SurveyState, fact: SurveyFact, _terms: BookTerms) -> tuple[SurveyState, Change, list[Anomaly]]:
    """Continue a fold without placing what changes. The state is not touched."""
    after, anomaly = _step(state, fact)
    rows = _rows(after)
    add_rows(rows, _rows(state), -1)
    return after, Change(rows), [] if anomaly is None else [Anomaly(fact.id, anomaly)]


def _each_once(facts: Iterable[SurveyFact]) -> Iterable[SurveyFact]:
    return {fact.id: fact for fact in facts}.values()


def _step(state: SurveyState, fact: SurveyFact) -> tuple[SurveyState, Contradiction | None]:
    after = msgspec.structs.replace(state, last_order=order_of(fact))
    if fact.kind is SurveyKind.INVITED:
        if state.invited is not None:
            return after, Contradiction.TOLD_TWICE
        after.invited, after.expires = fact.day, fact.expires
        return after, None
    if state.answered is not None:
        return after, Contradiction.TOLD_TWICE
    after.answered, after.csat, after.nps = fact.day, fact.csat, fact.nps
    return after, None


def _rows(state: SurveyState) -> Rows:
    rows: Rows = {}
    if state.invited is not None:
        close = month_end(month_of(state.invited))
        rows["surveys_invited", state.invited] = 1
        rows["surveys_answered", state.invited] = int(state.answered is not None)
        answered_by_close = state.answered is not None and state.answered <= close
        rows["surveys_open_at_close", state.invited] = int(state.expires > close and not answered_by_close)
    if state.answered is None:
        return rows
    if state.csat is not None:
        rows["csat_answers", state.answered] = 1
        rows["csat_satisfied", state.answered] = int(state.csat >= SATISFIED)
    if state.nps is not None:
        promotes, detracts = int(state.nps >= PROMOTES), int(state.nps <= DETRACTS)
        rows["nps_answers", state.answered] = 1
        rows["nps_promoters", state.answered] = promotes
        rows["nps_detractors", state.answered] = detracts
        rows["nps_net", state.answered] = promotes - detracts
    return rows
