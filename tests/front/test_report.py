"""The report's charts and page, from values alone."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from shared.page.svg import scale, tag, ticks
from tocsin.profiles.base import Reject
from tocsin.report.answers import Acknowledged, Arrived, Letter
from tocsin.report.charts import Lane, LevelLine, Mark, Point, Stretch, line_chart, overview, value_text
from tocsin.report.page import BookRun, render
from tocsin.report.view import Alerting, AlertView, Section, Turn

APRIL = 2020 * 12 + 3
POINTS = [Point(APRIL + step, value) for step, value in enumerate((0.11, 0.205, None, 0.229, 0.09))]
LEVELS = [LevelLine("amber", 0.13, 0.11), LevelLine("red", 0.18, 0.14)]
MARKS = [Mark(APRIL + 1, 0.205, "red", "red"), Mark(APRIL + 3, 0.229, "red", "red"), Mark(APRIL + 4, 0.09, "none", "")]
CHART = line_chart(POINTS, LEVELS, [Stretch(APRIL + 1, APRIL + 3, "red")], MARKS, "Missed <payments>")


def drawings(markup: Markup) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f"<all>{markup}</all>"))


def test_a_chart_is_drawn_wide_and_narrow_as_well_formed_svg() -> None:
    wide, narrow = drawings(CHART)
    assert (wide.get("class"), narrow.get("class")) == ("chart wide", "chart narrow")
    assert wide.get("aria-label") == "Missed <payments>"


def test_a_chart_has_axes_levels_and_dated_marks() -> None:
    wide, narrow = drawings(CHART)
    texts = [text.text for text in wide.iter("text")]
    assert {"0 %", "20 %", "2020", "amber 13 %", "red 18 %", "May 2020 red 20.5 %", "Jul 2020 red 22.9 %"} <= set(texts)
    assert "2020-05 red" in [text.text for text in narrow.iter("text")]
    assert len([dot for dot in wide.iter("circle") if dot.get("class") == "dot"]) == 4
    assert len([ring for ring in wide.iter("circle") if ring.get("class") == "end"]) == 1


def test_texts_of_marks_in_one_row_do_not_touch() -> None:
    marks = [Mark(APRIL + step, 0.2, "red", "red") for step in range(5)]
    for drawing in drawings(line_chart(POINTS, LEVELS, [], marks, "x")):
        rows: dict[str, list[tuple[float, float]]] = {}
        for text in drawing.iter("text"):
            if (text.get("class") or "").startswith("mark"):
                half = len(text.text or "") * 12 * 0.33
                centre = float(text.get("x") or 0)
                rows.setdefault(str(text.get("y")), []).append((centre - half, centre + half))
        for spans in rows.values():
            ordered = sorted(spans)
            assert all(left[1] < right[0] for left, right in pairwise(ordered))


def test_everything_drawn_lies_inside_its_frame() -> None:
    for drawing in drawings(CHART):
        _, _, width, height = (float(part) for part in (drawing.get("viewBox") or "").split())
        for element in drawing.iter():
            for name in ("x", "x1", "x2", "cx"):
                assert 0 <= float(element.get(name) or 0) <= width
            for name in ("y", "y1", "y2", "cy"):
                assert 0 <= float(element.get(name) or 0) <= height


def test_the_overview_has_a_lane_for_each_cause_and_an_arrow_where_it_runs_on() -> None:
    lanes = [Lane("auto · par30", "a", [Stretch(APRIL, APRIL + 2, "red")], True), Lane("b", "b", [], False)]
    wide, _ = drawings(overview(lanes, APRIL - 30, APRIL + 2))
    assert [lane.text for lane in wide.iter("text") if lane.get("class") == "lane"] == ["auto · par30", "b"]
    assert len(list(wide.iter("path"))) == 1


@pytest.mark.parametrize(
    ("highest", "last"), [(0.238, 0.25), (0.043, 0.05), (0.519, 0.6), (1e-9, 0.01), (0.0, 0.01), (0.01, 0.01)]
)
def test_ticks_are_round_and_reach_the_highest_value(highest: float, last: float) -> None:
    steps = ticks(highest)
    assert steps[0] == 0.0
    assert steps[-1] == pytest.approx(last)
    assert 2 <= len(steps) <= 8


def test_markup_is_escaped_and_numbers_are_short() -> None:
    assert str(tag("text", "<b>", x=1 / 3, class_="a", text_anchor=None)) == '<text x="0.33" class="a">&lt;b&gt;</text>'
    assert scale(0, 10, 100, 200)(5) == 150
    assert scale(1, 1, 0, 10)(1) == 0
    assert [value_text(value) for value in (0.0046, 0.205, 0.0)] == ["0.46 %", "20.5 %", "0.00 %"]


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    turn = Turn(1, "opened", "red", "2020-04", "20.5 %", "191 of 931", "It rose <fast>.", "")
    alert = AlertView("a1", "auto", "Missed payments", "portfolio", "open", "red", "Apr 2020", "Apr 2020",
                      "credit officer", "It rose <fast>.", [turn], [], [], "2020-04")  # fmt: skip
    section = Section("s", "auto", "Missed payments", "words", "by count", "credit officer", CHART, [], [alert], "9 %")
    run = BookRun("auto", "auto_abs", 10, {"accepted": 10}, 2.0, "2017-06-01", "2020-12-31",
                  [Reject("loans.csv.gz", 34, "loan_id", "no payments")], [("t", "r", "")], ["source"])  # fmt: skip
    precision = {"rule": "missed", "policy": "demo", "version": 1, "true": 1, "false": 0, "unclear": 0, "unjudged": 0,
                 "precision": 1.0}  # fmt: skip
    arrived = Arrived(
        shown=Letter("avery@lender.example", "RED: <missed>", "It rose."),
        acknowledged=[Acknowledged("a1", "avery", "ok")],
        precision=[precision],
    )
    page = render(Alerting([section], Markup("<svg></svg>"), [alert]), [run], arrived, "1")
    assert "It rose &lt;fast&gt;." in page
    assert "1 rows, the first in line 34, column loan_id: no payments" in page
    assert "RED: &lt;missed&gt;" in page
    assert "acknowledged on the page behind the link by <b>avery</b>" in page
    assert "<td>missed</td><td>demo v1</td>" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "url(" not in page
    assert "@import" not in page
