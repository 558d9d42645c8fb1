"""Projects: slip of a round against the last known forecast, in any order of arrival."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.risk.domain.cells import Cells, add
from services.risk.domain.project import (
    ProjectFact,
    ProjectFolded,
    ProjectKind,
    ProjectState,
    advance,
    continues,
    fold,
    view,
)
from services.risk.domain.segments import SegmentMove
from shared.kernel.days import month_end, month_of
from tests.risk.loans import FIRST, book, day

TERMS = book(segment_attributes=("region",))


def _report(on: str, forecast: str | None, id: str = "", **fields: object) -> ProjectFact:
    completion = day(forecast) if forecast else None
    values = {"kind": ProjectKind.REPORTED, "day": day(on), "known_at_us": 0, "id": id or on, **fields}
    return ProjectFact(**{**values, "forecast": completion})  # type: ignore[arg-type]


def _rounds(folded: ProjectFolded) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for (segment, currency, measure, on), value in sorted(folded.cells.items(), key=lambda cell: cell[0][3]):
        assert on == month_end(month_of(on))
        assert currency == ""
        if segment == "portfolio":
            found.setdefault(measure, []).append(value)
    return found


def test_slip_of_at_least_ninety_days() -> None:
    reports = [_report("2014-01-01", "2016-01-01"), _report("2014-05-01", "2016-03-30"),
               _report("2014-09-01", "2016-06-28"), _report("2015-01-01", "2016-01-01")]  # fmt: skip
    rounds = _rounds(fold(reports, [], TERMS))
    assert rounds == {"slip_reports": [1, 1, 1], "slipped": [1], "slip_gap_days": [120, 123, 122]}


def test_a_first_or_blank_report_is_in_neither_number() -> None:
    reports = [_report("2014-01-01", "2016-01-01"), _report("2014-05-01", None), _report("2014-09-01", "2017-01-01")]
    assert _rounds(fold(reports, [], TERMS)) == {"slip_reports": [1], "slipped": [1], "slip_gap_days": [243]}


def test_the_last_report_of_a_month_counts_against_the_last_before_it() -> None:
    reports = [_report("2014-01-01", "2016-01-01"), _report("2014-05-01", "2017-01-01"),
               _report("2014-05-20", "2016-01-02"), _report("2014-05-21", None)]  # fmt: skip
    assert _rounds(fold(reports, [], TERMS)) == {"slip_reports": [1], "slip_gap_days": [139]}


def test_view_and_correction() -> None:
    registered = ProjectFact(kind=ProjectKind.REGISTERED, day=day("2014-02-01"), known_at_us=0, id="r", currency="USD",
                             attributes={"region": "Queens"})  # fmt: skip
    reports = [_report("2014-01-01", "2016-01-01", budget_minor=5), _report("2014-05-01", "2017-01-01", phase="Design")]
    annulled = ProjectFact(
        kind=ProjectKind.CORRECTED, day=day("2014-06-01"), known_at_us=9, id="c", target="2014-05-01"
    )
    shown = view([registered, *reports], [], TERMS, day("2014-05-01"))
    assert shown is not None
    assert (shown.slip_days, shown.phase, shown.reports, shown.budget_minor) == (366, "Design", 2, 5)
    assert _rounds(fold([registered, *reports, annulled], [], TERMS)) == {}
    assert ("region=Queens", "", "slipped", day("2014-05-31")) in fold([registered, *reports], [], TERMS).cells
    assert view(reports, [], TERMS, day("2013-01-01")) is None
    twice = fold([registered, msgspec.structs.replace(registered, id="s")], [], TERMS)
    assert [anomaly.reason for anomaly in twice.anomalies] == ["second_start"]


@st.composite
def _reports(draw: st.DrawFn) -> list[ProjectFact]:
    rows = draw(st.lists(st.tuples(st.integers(0, 200), st.sampled_from([None, 0, 60, 89, 90, 200])), max_size=8))
    facts = [
        ProjectFact(kind=ProjectKind.REPORTED, day=FIRST + on, known_at_us=number % 2, id=str(number),
                    forecast=None if late is None else FIRST + 500 + late)
        for number, (on, late) in enumerate(rows)
    ]  # fmt: skip
    if draw(st.booleans()):
        facts.append(ProjectFact(kind=ProjectKind.CORRECTED, day=FIRST, known_at_us=5, id="c", target="0"))
    if draw(st.booleans()):
        facts.append(ProjectFact(kind=ProjectKind.REGISTERED, day=FIRST + 5, known_at_us=0, id="r"))
    return facts


def _slow(facts: list[ProjectFact]) -> dict[str, list[int]]:
    annulled = {fact.target for fact in facts if fact.kind == "corrected"}
    reports = [fact for fact in facts if fact.kind == "reported" and fact.forecast and fact.id not in annulled]
    reports.sort(key=lambda fact: (fact.day, fact.known_at_us, fact.id))
    found: dict[str, list[int]] = {}
    for month in sorted({month_of(fact.day) for fact in reports}):
        latest = [fact for fact in reports if month_of(fact.day) == month][-1]
        before = [fact for fact in reports if month_of(fact.day) < month]
        if before:
            found.setdefault("slip_reports", []).append(1)
            if (latest.forecast or 0) - (before[-1].forecast or 0) >= 90:
                found.setdefault("slipped", []).append(1)
            found.setdefault("slip_gap_days", []).append(latest.day - before[-1].day)
    return found


@settings(max_examples=150, deadline=None)
@given(facts=_reports(), seed=st.randoms(use_true_random=False), moved=st.integers(FIRST, FIRST + 200))
def test_fold_and_live_path(facts, seed, moved):  # type: ignore[no-untyped-def]
    arrivals = list(facts)
    seed.shuffle(arrivals)
    moves = [SegmentMove(FIRST, {"region": "a"}), SegmentMove(moved, {"region": "b"})]
    folded = fold(arrivals, moves, TERMS)
    assert _rounds(folded) == _slow(facts)
    total: Cells = {}
    state: ProjectState | None = None
    ledger: list[ProjectFact] = []
    for each in arrivals:
        if continues(state, each):
            assert state is not None
            step = advance(state, each, TERMS)
        else:
            add(total, fold(ledger, moves, TERMS).cells, -1)
            step = fold([*ledger, each], moves, TERMS)
        add(total, step.cells)
        state = step.state
        ledger.append(each)
    assert total == folded.cells
    assert state == folded.state
