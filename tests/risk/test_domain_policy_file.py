"""Policy files: what one may say, and that everything wrong in it is told with its line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import Catalogue, Direction, PeriodKind, Rule, Threshold
from services.risk.domain.policy_file import MAX_CHARACTERS, parse

CATALOGUE = Catalogue(INDICATORS, ("product", "region", "industry", "branch"))
DEMO = Path(__file__).parents[2] / "policies" / "demo.yaml"


# --- the policy that ships ---------------------------------------------------------------------------------------


def test_the_demo_policy_has_exactly_the_first_levels() -> None:
    parsed = parse(DEMO.read_text(encoding="utf-8"), CATALOGUE)
    assert parsed.errors == ()
    assert parsed.policy is not None
    assert (parsed.policy.name, parsed.policy.effective_from, parsed.policy.books) == (
        "demo",
        None,
        ("auto", "projects"),
    )
    levels = {
        (rule.book, rule.indicator, rule.basis): (rule.amber, rule.red, rule.minimum_sample, rule.minimum_numerator)
        for rule in parsed.policy.rules
    }
    assert levels == {
        ("auto", "missed_payment_rate", "count"): (Threshold(0.13, 0.11), Threshold(0.18, 0.14), 0, 0),
        ("auto", "default_rate", "count"): (Threshold(0.012, 0.009), Threshold(0.025, 0.015), 0, 5),
        ("auto", "par30", "exposure"): (Threshold(0.15, 0.13), Threshold(0.22, 0.19), 0, 0),
        ("auto", "par60", "exposure"): (Threshold(0.10, 0.085), Threshold(0.15, 0.13), 0, 0),
        ("auto", "par90", "exposure"): (Threshold(0.07, 0.06), Threshold(0.12, 0.10), 0, 0),
        ("projects", "project_slip_rate", "count"): (Threshold(0.45, 0.35), Threshold(0.60, 0.50), 20, 0),
    }
    for rule in parsed.policy.rules:
        assert rule.segments == ("portfolio",)
        assert rule.period is PeriodKind.MONTH
        assert rule.direction is Direction.ABOVE
        assert ("payment extensions" in rule.note) == rule.indicator.startswith("par")


# --- errors ------------------------------------------------------------------------------------------------------

RULE = """
policy: p
books:
  auto:
    - id: one
      indicator: {indicator}
      owner: officer
      amber: {amber}
      {more}
"""


def errors_of(
    amber: str = "{enter: 13 %, leave: 11 %}", more: str = "", indicator: str = "missed_payment_rate"
) -> list[str]:
    text = RULE.replace("{indicator}", indicator).replace("{amber}", amber).replace("{more}", more)
    return [f"{error.line}:{error.path}: {error.message}" for error in parse(text, CATALOGUE).errors]


def test_a_small_rule_is_fine_and_has_defaults() -> None:
    assert errors_of() == []
    assert errors_of(indicator="par30") == []
    parsed = parse(RULE.format(indicator="par30", amber="{enter: 0.2, leave: 20 %}", more=""), CATALOGUE)
    assert parsed.policy is not None
    assert parsed.policy.rules == (
        Rule(id="one", book="auto", indicator="par30", owner="officer", basis="exposure", amber=Threshold(0.2, 0.2)),
    )


def test_a_difference_of_shares_may_be_negative() -> None:
    assert errors_of("{enter: -20 %, leave: 0 %}", "direction: below", "nps") == []
    assert errors_of("{enter: -50 %, leave: -60 %}", "", "nps") == []
    assert "less than -100%" in errors_of("{enter: -130 %, leave: 0 %}", "direction: below", "nps")[0]
    assert "stand for ever" in errors_of("{enter: -100 %, leave: -100 %}", "", "nps")[0]
    assert "negative" in errors_of("{enter: -20 %, leave: 0 %}", "direction: below", "csat")[0]


@pytest.mark.parametrize(
    ("amber", "more", "line", "said"),
    [
        ("{enter: 13, leave: 11 %}", "", 8, "13 is more than 1: write 13 % or 0.13"),
        ("{enter: 130 %, leave: 11 %}", "", 8, "more than 100 %"),
        ("{enter: -1 %, leave: 11 %}", "", 8, "negative"),
        ("{enter: much, leave: 11 %}", "", 8, "'much' is no rate"),
        ("{enter: 13 %}", "", 8, "leave is missing"),
        ("{enter: 13 %, leave: 14 %}", "", 8, "wrong side"),
        ("{enter: 13 %, leave: 0}", "", 8, "stand for ever"),
        ("{enter: 13 %, leave: 11 %}", "direction: below", 8, "wrong side"),
        ("{enter: 13 %, leave: 11 %}", "red: {enter: 12 %, leave: 11 %}", 9, "entered later than amber"),
        ("{enter: 13 %, leave: 11 %}", "red: {enter: 13 %, leave: 11 %}", 9, "entered later than amber"),
        ("{enter: 13 %, leave: 11 %}", "red: {enter: 18 %, leave: 10 %}", 9, "left later than amber"),
        ("{enter: 13 %, leave: 11 %}", "period: day", 9, "'day' is unknown"),
        ("{enter: 13 %, leave: 11 %}", "basis: exposure", 9, "'exposure' is unknown"),
        ("{enter: 13 %, leave: 11 %}", "segments: [regoin]", 9, "'regoin' is no segment"),
        ("{enter: 13 %, leave: 11 %}", "segments: []", 9, "would never ring"),
        ("{enter: 13 %, leave: 11 %}", "drivers: [region, region]", 9, "named twice"),
        ("{enter: 13 %, leave: 11 %}", "drivers: [regions]", 9, "did you mean region?"),
        ("{enter: 13 %, leave: 11 %}", "minimum_sample: 1.5", 9, "no whole number"),
        ("{enter: 13 %, leave: 11 %}", "minimum_sample:", 9, "must be a whole number"),
        ("{enter: 13 %, leave: 11 %}", "dwell: 0", 9, "no whole number"),
        ("{enter: 13 %, leave: 11 %}", "currency: XXX", 9, "not an ISO 4217"),
        ("{enter: 13 %, leave: 11 %}", "currency: USD", 9, "counted over all currencies"),
        ("{enter: 13 %, leave: 11 %}", "acknowledge_within: 4", 9, "'4' is no time up to 720 hours"),
        ("{enter: 13 %, leave: 11 %}", "acknowledge_within: 0h", 9, "'0h' is no time up to 720 hours"),
        ("{enter: 13 %, leave: 11 %}", "acknowledge_within: 721h", 9, "'721h' is no time up to 720 hours"),
        ("{enter: 13 %, leave: 11 %}", "acknowledge_within: []", 9, "a time such as 4h or 30min"),
        ("{enter: 13 %, leave: 11 %}", "note: 2020-01-01", 9, "put it in quotes"),
        ("{enter: 13 %, leave: 11 %}", "minimun_sample: 3", 9, "did you mean minimum_sample?"),
        ("{enter: 13 %, leave: 11 %}", "owner: other", 9, "there twice, first in line 7"),
    ],
)
def test_each_mistake_is_told_with_its_line(amber: str, more: str, line: int, said: str) -> None:
    errors = errors_of(amber, more)
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"{line}:")
    assert said in errors[0]


@pytest.mark.parametrize(("written", "hours"), [("4h", 4.0), ("1.5 h", 1.5), ("30min", 0.5), ("720h", 720.0)])
def test_a_time_to_acknowledge_is_written_with_its_unit(written: str, hours: float) -> None:
    amber = "{enter: 13 %, leave: 11 %}"
    text = RULE.format(indicator="par30", amber=amber, more=f"acknowledge_within: {written}")
    policy = parse(text, CATALOGUE).policy
    assert policy is not None
    assert policy.rules[0].acknowledge_within_h == hours


def test_an_exposure_may_name_its_currency() -> None:
    assert errors_of(indicator="par30", more="currency: EUR") == []
    assert errors_of(indicator="par30", more="currency: EUR\n      basis: count")


def test_a_minimum_numerator_is_for_counts() -> None:
    [error] = errors_of(indicator="par30", more="minimum_numerator: 5")
    assert error.startswith("9:books.auto[0].minimum_numerator: counts loans")


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = """policy: Demo
effective_from: 2020-02-30
book: x
books:
  auto:
    - {id: a, indicator: par30, owner: x, amber: {enter: 2, leave: 1}, red: 3}
    - {id: a, indicator: par31, owner: 7}
    - 5
  projects: []
"""
    errors = parse(text, CATALOGUE).errors
    assert [error.line for error in errors] == [1, 2, 3, 6, 6, 7, 7, 7, 7, 8, 9]
    assert parse(text, CATALOGUE).policy is None


def test_two_rules_with_one_id_on_one_line_are_found() -> None:
    rule = "{id: a, indicator: par30, owner: x, amber: {enter: 20 %, leave: 10 %}}"
    [error] = parse(f"policy: p\nbooks: {{auto: [{rule}], cars: [{rule}]}}", CATALOGUE).errors
    assert error.message == "there is another rule a in line 2"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the policy is empty"),
        ("- a", 1, "there must be keys such as policy"),
        ("policy: p\nbooks: [1", 2, "not YAML"),
        ("policy: p\n  books: 1", 2, "not YAML"),
        ("policy: &p x\nbooks: *p", 2, "aliases"),
        ("policy: p\n\x07", 2, "not YAML"),
        ("policy: p\n\ud800", 2, "not YAML"),
        ("[" * 5_000, 1, "levels deep"),
        ("[" + "1," * 60_000 + "]", 1, "levels deep and has at most 50,000 values"),
        ("#" * (MAX_CHARACTERS + 1), 1, "characters long"),
        ("policy: p\nbooks: {}", 2, "at least one"),
        ("policy: p\n---\npolicy: q", 2, "not YAML"),
        ("policy: !!python/object/apply:os.abort []\nbooks: {}", 1, "must be lower-case"),
    ],
)
def test_what_is_no_policy_at_all_is_told_with_its_line(text: str, line: int, said: str) -> None:
    errors = parse(text, CATALOGUE).errors
    assert any(error.line == line and said in error.message for error in errors), errors


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    parsed = parse(text, CATALOGUE)
    assert parsed.policy is None
    assert parsed.errors
    assert all(error.line >= 1 for error in parsed.errors)


@settings(deadline=None)
@given(st.data())
def test_a_policy_with_a_broken_piece_is_refused_with_lines_or_still_well_formed(data: st.DataObject) -> None:
    text = DEMO.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    broken = text[:start] + data.draw(st.sampled_from(["", "x", ":", "- ", "\n", "{", "%", "'", "13"])) + text[end:]
    parsed = parse(broken, CATALOGUE)
    assert (parsed.policy is None) == bool(parsed.errors)
    assert all(1 <= error.line <= broken.count("\n") + 1 for error in parsed.errors)


@given(st.integers(1, 9_999))
def test_percent_and_fraction_are_the_same_number(hundredths: int) -> None:
    percent, fraction = f"{hundredths / 100:.2f} %", f"{hundredths / 10_000:.4f}"
    read = [
        parse(RULE.format(indicator="par30", amber=f"{{enter: {way}, leave: {way}}}", more=""), CATALOGUE).policy
        for way in (percent, fraction)
    ]
    assert read[0] is not None
    assert read[0] == read[1]
    assert read[0].rules[0].amber == Threshold(hundredths / 10_000, hundredths / 10_000)
