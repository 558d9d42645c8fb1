"""Surveys: what an invitation and its answer count for, against an independent count, in any order of arrival."""

import calendar
from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.risk.domain.cells import Cells, add
from services.risk.domain.segments import SegmentMove, place
from services.risk.domain.survey import SurveyFact, SurveyKind, SurveyState, continues, fold, proceed
from shared.kernel.days import date_of
from tests.risk.loans import FIRST, book, day

TERMS = book(segment_attributes=("region",))


def invited(on: str, expires: str) -> SurveyFact:
    return SurveyFact(kind=SurveyKind.INVITED, day=day(on), known_at_us=0, id=f"i{on}", expires=day(expires))


def answered(on: str, csat: int | None = None, nps: int | None = None) -> SurveyFact:
    return SurveyFact(kind=SurveyKind.ANSWERED, day=day(on), known_at_us=0, id=f"a{on}", csat=csat, nps=nps)


def counted(*facts: SurveyFact) -> dict[str, tuple[str, int]]:
    cells = fold(facts, [], TERMS).cells
    return {measure: (date_of(on).isoformat(), value) for (_, _, measure, on), value in cells.items()}


FEBRUARY = ("2020-02-20", "2020-03-05")


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ((invited(*FEBRUARY),), {"surveys_invited": ("2020-02-20", 1), "surveys_open_at_close": ("2020-02-20", 1)}),
        ((invited("2020-02-01", "2020-02-29"),), {"surveys_invited": ("2020-02-01", 1)}),
        # An answer counts for the month of its invitation, and makes no survey of a past close closed.
        (
            (invited(*FEBRUARY), answered("2020-03-02")),
            {
                "surveys_invited": ("2020-02-20", 1),
                "surveys_answered": ("2020-02-20", 1),
                "surveys_open_at_close": ("2020-02-20", 1),
            },
        ),
        (
            (invited(*FEBRUARY), answered("2020-02-29")),
            {"surveys_invited": ("2020-02-20", 1), "surveys_answered": ("2020-02-20", 1)},
        ),
        ((answered("2020-02-22", csat=4),), {"csat_answers": ("2020-02-22", 1), "csat_satisfied": ("2020-02-22", 1)}),
        ((answered("2020-02-22", csat=3),), {"csat_answers": ("2020-02-22", 1)}),
        (
            (answered("2020-02-22", nps=9),),
            {"nps_answers": ("2020-02-22", 1), "nps_promoters": ("2020-02-22", 1), "nps_net": ("2020-02-22", 1)},
        ),
        ((answered("2020-02-22", nps=7),), {"nps_answers": ("2020-02-22", 1)}),
        (
            (answered("2020-02-22", nps=6),),
            {"nps_answers": ("2020-02-22", 1), "nps_detractors": ("2020-02-22", 1), "nps_net": ("2020-02-22", -1)},
        ),
        # Only the first answer counts.
        ((answered("2020-02-22", csat=1), answered("2020-02-23", csat=5)), {"csat_answers": ("2020-02-22", 1)}),
    ],
)
def test_what_counts(facts: tuple[SurveyFact, ...], found: dict[str, tuple[str, int]]) -> None:
    assert counted(*facts) == found


DAYS = st.integers(FIRST, FIRST + 120)
EVENTS = st.lists(
    st.tuples(st.sampled_from(SurveyKind), DAYS, st.integers(0, 1), st.none() | st.integers(1, 5),
              st.none() | st.integers(0, 10), st.integers(0, 40)),
    max_size=5,
)  # fmt: skip


def slow(facts: list[SurveyFact], moves: list[tuple[date, str]]) -> Cells:
    """The page's definitions, with calendar dates."""
    found: Counter[tuple[str, date]] = Counter()
    ordered = sorted(facts, key=lambda fact: (fact.day, fact.known_at_us, fact.id))
    asked = next((fact for fact in ordered if fact.kind == "invited"), None)
    said = next((fact for fact in ordered if fact.kind == "answered"), None)
    if asked is not None:
        on = date_of(asked.day)
        close = on.replace(day=calendar.monthrange(on.year, on.month)[1])
        found["surveys_invited", on] += 1
        found["surveys_answered", on] += said is not None
        still = said is None or date_of(said.day) > close
        found["surveys_open_at_close", on] += still and date_of(asked.expires) > close
    if said is not None and said.csat is not None:
        found["csat_answers", date_of(said.day)] += 1
        found["csat_satisfied", date_of(said.day)] += said.csat in (4, 5)
    if said is not None and said.nps is not None:
        promoter, detractor = said.nps in (9, 10), said.nps in range(7)
        found["nps_answers", date_of(said.day)] += 1
        found["nps_promoters", date_of(said.day)] += promoter
        found["nps_detractors", date_of(said.day)] += detractor
        found["nps_net", date_of(said.day)] += promoter - detractor
    cells: Cells = {}
    for (measure, on), value in found.items():
        region = [region for since, region in moves if since <= on][-1:] or [moves[0][1]]
        if value:
            cells["portfolio", "", measure, on.toordinal()] = value
            cells[f"region={region[0]}", "", measure, on.toordinal()] = value
    return cells


@settings(max_examples=250, deadline=None)
@given(events=EVENTS, seed=st.randoms(use_true_random=False), moved=DAYS)
def test_fold_and_live_path_equal_the_definitions_in_any_order(events, seed, moved):  # type: ignore[no-untyped-def]
    facts = [
        SurveyFact(kind=kind, day=on, known_at_us=known, id=str(number), csat=csat, nps=nps, expires=on + expires)
        for number, (kind, on, known, csat, nps, expires) in enumerate(events)
    ]
    arrivals = sorted(facts, key=lambda fact: fact.day)
    if seed.random() < 0.5:
        seed.shuffle(arrivals)
    moves = [SegmentMove(FIRST, {"region": "x"}), SegmentMove(moved, {"region": "y"})]
    folded = fold(facts, moves, TERMS)
    assert folded.cells == slow(facts, [(date_of(FIRST), "x"), (date_of(moved), "y")])
    total: Cells = {}
    state: SurveyState | None = None
    for number, each in enumerate(arrivals):
        if state is not None and continues(state, each):
            state, change, _ = proceed(state, each, TERMS)
            add(total, place(change.rows, state.segments, ""))
            continue
        add(total, fold(arrivals[:number], moves, TERMS).cells, -1)
        again = fold(arrivals[: number + 1], moves, TERMS)
        add(total, again.cells)
        state = again.state
    assert total == folded.cells
    assert state == folded.state
