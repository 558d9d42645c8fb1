"""Policies: which version holds when, which causes its rules watch, and how one rule rates one value."""

from datetime import UTC, datetime

import pytest

from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import (
    Cause,
    Direction,
    Level,
    PeriodKind,
    Policy,
    PolicyVersion,
    Rule,
    Threshold,
    alert_id,
    cause_of,
    causes_of,
    in_force,
    rated_while_open,
    rule_named,
    rules_on,
)
from services.risk.domain.rating import Observation, RatingReason, rate
from shared.kernel.days import month_end, parse_day, parse_month

JANUARY = datetime(2020, 1, 1, tzinfo=UTC)
JUNE = datetime(2020, 6, 1, tzinfo=UTC)


def observed(month: str, value: float | None, *, numerator: int = 50, sample: int = 500) -> Observation:
    period = parse_month(month)
    return Observation(period, month_end(period), value, numerator, sample, sample, True)


# --- which version holds -------------------------------------------------------------------------------------------


def version(number: int, effective_from: str | None, known_at: datetime = JANUARY, name: str = "p") -> PolicyVersion:
    rule = Rule(
        id="r", book="auto", indicator="par30", owner="o", amber=Threshold(number / 100, number / 100), basis="exposure"
    )
    effective = parse_day(effective_from) if effective_from else None
    return PolicyVersion(Policy(name=name, effective_from=effective, rules=(rule,)), number, known_at)


@pytest.mark.parametrize(
    ("day", "expected"), [("2015-01-01", 1), ("2020-03-31", 1), ("2020-04-01", 3), ("2020-06-30", 3), ("2021-01-01", 4)]
)
def test_the_latest_effective_version_holds_and_among_equal_dates_the_highest(day: str, expected: int) -> None:
    history = [version(4, "2020-07-01"), version(1, None), version(3, "2020-04-01", JUNE), version(2, "2020-04-01")]
    assert [held.version for held in in_force(history, "auto", parse_day(day))] == [expected]


def test_what_was_not_known_yet_did_not_hold_then() -> None:
    history = [version(1, None), version(2, "2020-04-01", JUNE)]
    day = parse_day("2020-05-31")
    assert [held.version for held in in_force(history, "auto", day, JANUARY)] == [1]
    assert [held.version for held in in_force(history, "auto", day, JUNE)] == [2]
    assert in_force(history, "other", day) == ()


def test_policies_of_different_names_hold_side_by_side() -> None:
    history = [version(1, None, name="b"), version(1, None, name="a"), version(2, "2020-04-01", name="a")]
    assert [(held.policy, held.version) for held in in_force(history, "auto", parse_day("2020-05-01"))] == [
        ("a", 2),
        ("b", 1),
    ]
    assert rule_named(history, "a", 2, "r").amber == Threshold(0.02, 0.02)
    with pytest.raises(KeyError):
        rule_named(history, "a", 3, "r")


def test_the_rules_on_a_cause_follow_the_versions() -> None:
    history = [version(1, None), version(2, "2020-04-01")]
    cause = cause_of(history[0].policy.rules[0], "portfolio", "USD")
    at = rules_on(history, cause, "USD")
    days = [parse_day(text) for text in ("2020-03-31", "2020-04-01", "2019-01-01", "2020-12-31")]
    assert [[held.version for held in at(day)] for day in days] == [[1], [2], [1], [2]]
    assert rules_on(history, cause._replace(currency="EUR"), "USD")(days[0]) == ()
    assert rules_on(history, cause._replace(segment="region=TX"), "USD")(days[0]) == ()


def test_an_attribute_rings_for_each_of_its_values() -> None:
    rule = Rule(id="r", book="auto", indicator="default_rate", owner="o", segments=("region", "product=new"))
    assert [segment for segment in ("portfolio", "region=TX", "product=new", "product=old") if rule.watches(segment)]
    found = causes_of(
        in_force([PolicyVersion(Policy(name="p", rules=(rule,)), 1, JANUARY)], "auto", 1),
        ["portfolio", "region=TX", "region=CA", "product=new", "product=old"],
        "USD",
    )
    assert [cause.segment for cause in found] == ["region=TX", "region=CA", "product=new"]
    assert {cause.currency for cause in found} == {""}


def test_the_id_of_an_alert_is_its_cause_and_episode() -> None:
    cause = Cause("auto", "par30", "exposure", "USD", PeriodKind.MONTH, "portfolio", Direction.ABOVE)
    ids = {
        *(alert_id(cause, episode) for episode in (1, 2)),
        alert_id(cause._replace(currency=""), 1),
        alert_id(cause._replace(period_kind=PeriodKind.DAY), 1),
        alert_id(cause._replace(segment="region=TX"), 1),
        alert_id(cause._replace(direction=Direction.BELOW), 1),
    }
    assert len(ids) == 6
    assert alert_id(cause, 1) == alert_id(cause._replace(), 1)


@pytest.mark.parametrize(
    ("indicator", "kind", "direction", "expected"),
    [
        ("charge_off_rate", PeriodKind.MONTH, Direction.ABOVE, True),
        ("charge_off_rate", PeriodKind.MONTH, Direction.BELOW, False),
        ("par30", PeriodKind.MONTH, Direction.ABOVE, False),
        ("par30", PeriodKind.DAY, Direction.ABOVE, True),
        ("missed_payment_rate", PeriodKind.MONTH, Direction.ABOVE, False),
    ],
)
def test_only_what_can_only_grow_is_rated_in_an_open_period(
    indicator: str, kind: PeriodKind, direction: Direction, expected: bool
) -> None:
    cause = Cause("auto", indicator, "count", "", kind, "portfolio", direction)
    assert rated_while_open(INDICATORS[indicator], cause) is expected


# --- one rule, one value -------------------------------------------------------------------------------------------

MISSED = Rule(
    id="m",
    book="auto",
    indicator="missed_payment_rate",
    owner="o",
    amber=Threshold(0.13, 0.11),
    red=Threshold(0.18, 0.14),
    minimum_sample=30,
    minimum_numerator=5,
)
NONE, AMBER, RED = Level.NONE, Level.AMBER, Level.RED


@pytest.mark.parametrize(
    ("before", "value", "level", "reason"),
    [
        (NONE, 0.1299, NONE, RatingReason.WITHIN),
        (NONE, 0.13, AMBER, RatingReason.REACHED),
        (NONE, 0.18, RED, RatingReason.REACHED),
        (NONE, 0.15, AMBER, RatingReason.REACHED),
        (AMBER, 0.15, AMBER, RatingReason.HELD),
        (AMBER, 0.11, AMBER, RatingReason.HELD),
        (AMBER, 0.1099, NONE, RatingReason.LEFT),
        (AMBER, 0.18, RED, RatingReason.REACHED),
        (RED, 0.19, RED, RatingReason.HELD),
        (RED, 0.14, RED, RatingReason.HELD),
        (RED, 0.1399, AMBER, RatingReason.EASED),
        (RED, 0.12, AMBER, RatingReason.EASED),
        (RED, 0.10, NONE, RatingReason.LEFT),
        (RED, None, RED, RatingReason.NO_VALUE),
        (NONE, None, NONE, RatingReason.NO_VALUE),
    ],
)
def test_a_level_is_entered_and_left_at_different_values(
    before: Level, value: float | None, level: Level, reason: RatingReason
) -> None:
    rating = rate(MISSED, observed("2020-04", value), before)
    assert (rating.level, rating.reason) == (level, reason)


@pytest.mark.parametrize(
    ("before", "value", "numerator", "sample", "level", "reason"),
    [
        (NONE, 0.20, 6, 29, NONE, RatingReason.BELOW_MINIMUM_SAMPLE),
        (NONE, 0.20, 4, 30, NONE, RatingReason.BELOW_MINIMUM_NUMERATOR),
        (NONE, 0.20, 5, 30, RED, RatingReason.REACHED),
        (AMBER, 0.20, 4, 20, AMBER, RatingReason.BELOW_MINIMUM_SAMPLE),
        (AMBER, 0.12, 1, 8, AMBER, RatingReason.HELD),
        (RED, 0.15, 1, 7, RED, RatingReason.HELD),
        (AMBER, 0.05, 1, 20, NONE, RatingReason.LEFT),
        (NONE, 0.05, 1, 20, NONE, RatingReason.WITHIN),
    ],
)
def test_a_small_sample_enters_no_level_but_does_not_end_one(
    before: Level, value: float, numerator: int, sample: int, level: Level, reason: RatingReason
) -> None:
    rating = rate(MISSED, observed("2020-04", value, numerator=numerator, sample=sample), before)
    assert (rating.level, rating.reason) == (level, reason)


def test_below_is_the_mirror_of_above() -> None:
    rule = Rule(
        id="b",
        book="auto",
        indicator="x",
        owner="o",
        direction=Direction.BELOW,
        amber=Threshold(0.5, 0.6),
        red=Threshold(0.3, 0.4),
    )
    steps = [(0.51, NONE), (0.5, AMBER), (0.6, AMBER), (0.3, RED), (0.4, RED), (0.41, AMBER), (0.61, NONE)]
    level = NONE
    for value, expected in steps:
        level = rate(rule, observed("2020-04", value), level).level
        assert level is expected, value


def test_a_rule_with_red_only_has_no_amber() -> None:
    rule = Rule(id="r", book="auto", indicator="x", owner="o", red=Threshold(0.18, 0.14))
    assert [rate(rule, observed("2020-04", value), RED).level for value in (0.15, 0.13)] == [RED, NONE]
    assert rate(rule, observed("2020-04", 0.17), NONE).level is NONE
