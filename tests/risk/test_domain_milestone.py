"""Milestones: which are late by their approved baseline, against an independent count, in any order of arrival."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.risk.domain.cells import Cells, add
from services.risk.domain.largest import Point, project_in
from services.risk.domain.milestone import Report
from services.risk.domain.project import ProjectFact, ProjectKind, ProjectState, advance, continues, fold, view
from services.risk.domain.segments import PORTFOLIO, SegmentMove
from shared.kernel.days import date_of, month_of
from tests.risk.loans import FIRST, book, day

TERMS = book(segment_attributes=("region",))


def said(on: str, milestone: str = "M1", id: str = "", **fields: str | bool) -> ProjectFact:
    days = {name: day(value) if isinstance(value, str) else value for name, value in fields.items()}
    report = Report(milestone=milestone, **days)  # type: ignore[arg-type]
    return ProjectFact(kind=ProjectKind.MILESTONE, day=day(on), known_at_us=0, id=id or f"{on} {milestone}",
                       milestone=report)  # fmt: skip


def counted(*facts: ProjectFact) -> dict[str, list[str]]:
    """Measure -> the days on which it counts."""
    found: dict[str, list[str]] = {}
    for (segment, currency, measure, on), value in sorted(fold(facts, [], TERMS).cells.items()):
        assert (segment, currency, value) == ("portfolio", "", 1)
        found.setdefault(measure.removeprefix("milestones_"), []).append(date_of(on).isoformat())
    return found


BASELINE = said("2020-01-01", baseline="2020-03-10")


@pytest.mark.parametrize(
    ("later", "also"),
    [
        ((), {"delayed": ["2020-03-10"]}),
        ((said("2020-03-10", actual="2020-03-10"),), {}),
        ((said("2020-03-31", actual="2020-03-31"),), {"achieved_late": ["2020-03-10"]}),
        ((said("2020-04-01", actual="2020-04-01"),), {"delayed": ["2020-03-10"]}),
        ((said("2020-07-01", actual="2020-03-09"),), {}),
        ((said("2020-02-01", baseline="2020-06-10"),), {"delayed": ["2020-03-10"], "rebaselined": ["2020-03-10"]}),
        ((said("2020-02-01", baseline="2020-03-10"),), {"delayed": ["2020-03-10"]}),
        ((said("2020-04-01", baseline="2020-06-10"),), {"delayed": ["2020-03-10"]}),
        ((said("2020-04-01", cancelled=True),), {"delayed": ["2020-03-10"]}),
        ((said("2020-03-01", forecast="2020-09-01"),), {"delayed": ["2020-03-10"]}),
    ],
)
def test_a_milestone_with_a_baseline_is_due_and_late_unless_achieved_in_its_month(
    later: tuple[ProjectFact, ...], also: dict[str, list[str]]
) -> None:
    assert counted(BASELINE, *later) == {"due": ["2020-03-10"]} | also


def test_a_cancelled_one_leaves_and_may_come_back() -> None:
    cancelled = said("2020-03-31", cancelled=True)
    assert counted(BASELINE, cancelled) == {}
    assert counted(BASELINE, cancelled, said("2020-04-01", cancelled=False)) == {}
    early = said("2020-02-01", cancelled=True), said("2020-02-02", cancelled=False)
    assert counted(BASELINE, *early) == {"due": ["2020-03-10"], "delayed": ["2020-03-10"]}


def test_one_without_a_baseline_counts_nowhere_until_it_has_one() -> None:
    nothing = said("2020-01-01", forecast="2020-02-01"), said("2020-01-15", actual="2020-01-15")
    assert counted(*nothing) == {}
    assert counted(*nothing, said("2020-05-01", baseline="2020-01-10")) == {
        "due": ["2020-01-10"], "achieved_late": ["2020-01-10"],
    }  # fmt: skip


def test_corrections_and_annulments() -> None:
    right = ProjectFact(kind=ProjectKind.CORRECTED, day=day("2020-06-01"), known_at_us=9, id="c", target=BASELINE.id,
                        replacement=said("2020-01-01", baseline="2020-04-20"))  # fmt: skip
    assert counted(BASELINE, right) == {"due": ["2020-04-20"], "delayed": ["2020-04-20"]}
    assert counted(BASELINE, msgspec.structs.replace(right, replacement=None)) == {}


def test_the_view_and_who_is_named() -> None:
    facts = [
        BASELINE, said("2020-02-01", baseline="2020-05-10", forecast="2020-05-12"),
        said("2020-01-01", "A", baseline="2020-03-01"), said("2020-03-20", "A", actual="2020-02-20"),
        said("2020-01-01", "B", baseline="2020-03-20"), said("2020-01-02", "C", cancelled=True),
    ]  # fmt: skip
    shown = view(facts, [], TERMS, day("2020-04-09"))
    assert shown is not None
    assert [(one.milestone, one.days_late, one.cancelled) for one in shown.milestones] == [
        ("A", -10, False), ("M1", 30, False), ("B", 20, False), ("C", None, True),
    ]  # fmt: skip
    assert (shown.milestones[1].rebaselined, shown.milestones[1].forecast) == (date(2020, 5, 10), date(2020, 5, 12))
    before = view(facts, [], TERMS, day("2020-01-15"))
    assert before is not None
    assert [(one.milestone, one.days_late, one.rebaselined) for one in before.milestones] == [
        ("A", None, None), ("M1", None, None), ("B", None, None), ("C", None, None),
    ]  # fmt: skip
    state = fold(facts, [], TERMS).state
    assert state is not None
    march = Point(month_of(day("2020-03-31")), day("2020-03-31"), PORTFOLIO, TERMS)
    named = project_in("project_delay_rate", "P", state, march)
    assert named is not None
    assert named.what == "milestone M1, due 2020-03-10, not achieved in the month, and 1 more"
    assert project_in("project_delay_rate", "P", state, march._replace(month=march.month + 1)) is None
    assert project_in("project_slip_rate", "P", state, march) is None


NAMES = ("a", "b")
DAYS = st.integers(FIRST, FIRST + 250)
MAYBE = st.none() | DAYS


@st.composite
def reports(draw: st.DrawFn) -> list[ProjectFact]:
    flags = st.sampled_from([None, None, True, False])
    drawn = draw(st.lists(st.tuples(DAYS, st.sampled_from(NAMES), MAYBE, MAYBE, flags), max_size=10))
    facts = [
        ProjectFact(kind=ProjectKind.MILESTONE, day=on, known_at_us=number % 2, id=str(number),
                    milestone=Report(milestone=name, baseline=baseline, actual=actual, cancelled=cancelled))
        for number, (on, name, baseline, actual, cancelled) in enumerate(drawn)
    ]  # fmt: skip
    if draw(st.booleans()):
        facts.append(
            ProjectFact(kind=ProjectKind.REPORTED, day=draw(DAYS), known_at_us=0, id="r", forecast=FIRST + 500)
        )
    if draw(st.booleans()) and facts:
        other = draw(st.sampled_from(facts))
        facts.append(ProjectFact(kind=ProjectKind.CORRECTED, day=draw(DAYS), known_at_us=5, id="c", target=other.id))
    return facts


def slow(facts: list[ProjectFact], moves: list[tuple[date, str]]) -> Cells:
    """The page's definition, milestone by milestone, with calendar dates."""
    annulled = {fact.target for fact in facts if fact.kind == "corrected"}
    left = sorted((fact for fact in facts if fact.kind == "milestone" and fact.id not in annulled),
                  key=lambda fact: (fact.day, fact.known_at_us, fact.id))  # fmt: skip
    cells: Cells = {}
    for name in NAMES:
        own = [
            (date_of(fact.day), fact.milestone) for fact in left if fact.milestone and fact.milestone.milestone == name
        ]
        baselines = [(on, date_of(one.baseline)) for on, one in own if one.baseline is not None]
        if not baselines:
            continue
        due = baselines[0][1]
        close = (due.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        flags = [one.cancelled for on, one in own if on <= close and one.cancelled is not None]
        if flags and flags[-1]:
            continue
        actuals = [date_of(one.actual) for _, one in own if one.actual is not None]
        names = ["due"]
        if not actuals or actuals[-1] > close:
            names.append("delayed")
            known = [baseline for on, baseline in baselines if on <= close]
            if any(one != due for one in known):
                names.append("rebaselined")
        elif actuals[-1] > due:
            names.append("achieved_late")
        region = [value for since, value in moves if since <= due][-1:] or [moves[0][1]]
        for measure in names:
            for segment in ("portfolio", f"region={region[0]}"):
                key = (segment, "", f"milestones_{measure}", due.toordinal())
                cells[key] = cells.get(key, 0) + 1
    return cells


@settings(max_examples=250, deadline=None)
@given(facts=reports(), seed=st.randoms(use_true_random=False), moved=st.integers(FIRST, FIRST + 100))
def test_fold_and_live_path_equal_the_definition_in_any_order(facts, seed, moved):  # type: ignore[no-untyped-def]
    arrivals = sorted(facts, key=lambda fact: fact.day)
    if seed.random() < 0.5:
        seed.shuffle(arrivals)
    moves = [SegmentMove(FIRST, {"region": "x"}), SegmentMove(moved, {"region": "y"})]
    folded = fold(arrivals, moves, TERMS)
    told = [(date_of(FIRST), "x"), (date_of(moved), "y")]
    assert {key: value for key, value in folded.cells.items() if key[2].startswith("milestones")} == slow(facts, told)
    total: Cells = {}
    state: ProjectState | None = None
    ledger: list[ProjectFact] = []
    for each in arrivals:
        if continues(state, each):
            assert state is not None
            saved = msgspec.msgpack.encode(state)
            step = advance(state, each, TERMS)
            assert msgspec.msgpack.encode(state) == saved, "advance must leave the state that it was given alone"
        else:
            add(total, fold(ledger, moves, TERMS).cells, -1)
            step = fold([*ledger, each], moves, TERMS)
        add(total, step.cells)
        state = (
            None
            if step.state is None
            else msgspec.msgpack.decode(msgspec.msgpack.encode(step.state), type=ProjectState)
        )
        ledger.append(each)
    assert total == folded.cells
    assert state == folded.state
