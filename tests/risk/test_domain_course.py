"""The course of alerts: derived from values and rules, compared with what stands, whatever order things came in."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.risk.domain.course import Course, Episode, derive
from services.risk.domain.indicators import INDICATORS
from services.risk.domain.policy import (
    Catalogue,
    Cause,
    Direction,
    Level,
    PeriodKind,
    Policy,
    PolicyVersion,
    Rule,
    Threshold,
    cause_of,
    rules_on,
)
from services.risk.domain.policy_file import parse
from services.risk.domain.rating import Observation, RatingReason
from services.risk.domain.revision import AlertReason, AlertState, Change, ChangeKind, StandingAlert, reconcile
from shared.kernel.days import format_month, month_end, parse_day, parse_month

DEMO = Path(__file__).parents[2] / "policies" / "demo.yaml"
KNOWN = datetime(2020, 1, 1, tzinfo=UTC)
CAUSE = Cause("auto", "missed_payment_rate", "count", "", PeriodKind.MONTH, "portfolio", Direction.ABOVE)
NONE, AMBER, RED = Level.NONE, Level.AMBER, Level.RED
START = parse_month("2020-01")


def rule(
    name: str = "m", amber: float | None = 0.13, red: float | None = 0.18, owner: str = "o", dwell: int = 1
) -> Rule:
    return Rule(
        id=name,
        book="auto",
        indicator="missed_payment_rate",
        owner=owner,
        amber=Threshold(amber, amber - 0.02) if amber else None,
        red=Threshold(red, red - 0.04) if red else None,
        dwell=dwell,
    )


def version(number: int, *rules: Rule, effective_from: str | None = None) -> PolicyVersion:
    effective = parse_day(effective_from) if effective_from else None
    return PolicyVersion(Policy(name="p", effective_from=effective, rules=rules), number, KNOWN)


def seen(period: int, value: float | None, *, final: bool = True) -> Observation:
    return Observation(
        period, month_end(period), value, round(1_000 * value) if value is not None else 0, 1_000, 1_000, final
    )


def monthly(values: Iterable[float | None], start: int = START, open_from: int | None = None) -> list[Observation]:
    return [
        seen(start + offset, value, final=open_from is None or start + offset < open_from)
        for offset, value in enumerate(values)
    ]


def course_of(values: Iterable[float | None], *rules: Rule, open_from: int | None = None) -> Course:
    history = [version(1, *(rules or (rule(),)))]
    return derive(monthly(values, open_from=open_from), rules_on(history, CAUSE, "USD"), while_open=True)


def shape(episodes: Sequence[Episode]) -> list[tuple[str, dict[str, str], str | None]]:
    """Opening, level per period, end: what two runs must agree on (D14)."""
    return [
        (
            format_month(episode.opening.period),
            {format_month(entry.period): entry.level.value for entry in episode.periods},
            format_month(episode.closing.period) if episode.closing else None,
        )
        for episode in episodes
    ]


# --- the real figures (indicators.md) --------------------------------------------------------------------------------

AUTO_MONTHS = [parse_month("2018-01") + offset for offset in range(32)]
SPECIAL = {
    "missed_payment_rate": (8.3, {"2018-09": 14.1, "2019-06": 16.1}, (11.1, 20.5, 22.9, 18.5, 15.7, 9.6)),
    "default_rate": (0.33, {"2018-09": 0.46, "2019-06": 0.46}, (0.56, 0.69, 1.89, 3.67, 4.31, 1.85)),
    "par30": (9.6, {"2018-09": 8.7, "2019-06": 11.2}, (12.7, 17.6, 25.8, 29.0, 29.9, 31.0)),
    "par60": (5.1, {"2018-09": 4.6, "2019-06": 6.9}, (7.9, 10.2, 15.5, 22.2, 25.3, 25.9)),
    "par90": (3.3, {"2018-09": 2.4, "2019-06": 3.8}, (5.0, 6.3, 9.0, 13.7, 18.6, 20.6)),
}


def demo_course(indicator: str, observations: Sequence[Observation]) -> Course:
    policy = parse(DEMO.read_text(encoding="utf-8"), Catalogue(INDICATORS, ("region", "industry"))).policy
    assert policy is not None
    watched = next(each for each in policy.rules if each.indicator == indicator)
    history = [PolicyVersion(policy, 1, KNOWN)]
    return derive(observations, rules_on(history, cause_of(watched, "portfolio", "USD"), "USD"))


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        (
            "missed_payment_rate",
            [
                ("2018-09", {"2018-09": "amber"}, "2018-10"),
                ("2019-06", {"2019-06": "amber"}, "2019-07"),
                ("2020-04", dict.fromkeys(("2020-04", "2020-05", "2020-06", "2020-07"), "red"), "2020-08"),
            ],
        ),
        (
            "default_rate",
            [("2020-05", {"2020-05": "amber", **dict.fromkeys(("2020-06", "2020-07", "2020-08"), "red")}, None)],
        ),
        ("par30", [("2020-04", {"2020-04": "amber", **{f"2020-0{m}": "red" for m in (5, 6, 7, 8)}}, None)]),
        ("par60", [("2020-04", {"2020-04": "amber", **{f"2020-0{m}": "red" for m in (5, 6, 7, 8)}}, None)]),
        ("par90", [("2020-05", {"2020-05": "amber", **{f"2020-0{m}": "red" for m in (6, 7, 8)}}, None)]),
    ],
)
def test_the_first_levels_ring_in_the_crisis_and_in_the_two_weekend_months(
    indicator: str, expected: list[tuple[str, dict[str, str], str | None]]
) -> None:
    calm, weekends, crisis = SPECIAL[indicator]
    figures = [weekends.get(format_month(month), calm) for month in AUTO_MONTHS[:-6]] + list(crisis)
    observations = [
        Observation(month, month_end(month), figure / 100, round(17 * figure), 1_700, 1_700, True)
        for month, figure in zip(AUTO_MONTHS, figures, strict=True)
    ]
    assert shape(demo_course(indicator, observations).episodes) == expected


def test_slipping_projects_are_one_amber_alert_over_three_rounds() -> None:
    rounds = {
        "2014-05": (8, 29),
        "2014-09": (8, 28),
        "2015-02": (14, 27),
        "2015-08": (15, 29),
        "2016-01": (15, 32),
        "2016-05": (10, 30),
    }
    observations = []
    for month in range(parse_month("2014-01"), parse_month("2016-12")):
        slipped, reports = rounds.get(format_month(month), (0, 0))
        value = slipped / reports if reports else None
        observations.append(Observation(month, month_end(month), value, slipped, reports, reports, True))
    assert shape(demo_course("project_slip_rate", observations).episodes) == [
        ("2015-02", dict.fromkeys(("2015-02", "2015-08", "2016-01"), "amber"), "2016-05")
    ]


def test_a_round_with_few_projects_says_nothing() -> None:
    observations = [Observation(START, month_end(START), 10 / 19, 10, 19, 19, True)]
    assert demo_course("project_slip_rate", observations).episodes == ()


# --- deriving ------------------------------------------------------------------------------------------------------


def test_a_period_without_a_value_changes_nothing() -> None:
    episodes = course_of([0.05, 0.14, None, 0.12, None, 0.05, None, 0.14]).episodes
    assert shape(episodes) == [
        ("2020-02", {"2020-02": "amber", "2020-04": "amber"}, "2020-06"),
        ("2020-08", {"2020-08": "amber"}, None),
    ]


def test_several_rules_on_one_cause_are_reasons_of_one_alert() -> None:
    early, late = rule("early", 0.10, None, "clerk"), rule("late", None, 0.20, "chief")
    [episode] = course_of([0.11, 0.21, 0.17, 0.12, 0.07], early, late).episodes
    assert [entry.level for entry in episode.periods] == [AMBER, RED, RED, AMBER]
    assert [entry.rules[0].owner for entry in episode.periods] == ["clerk", "chief", "chief", "clerk"]
    assert {(said.rule, said.level) for said in episode.periods[1].rules} == {("early", AMBER), ("late", RED)}
    assert episode.closing is not None
    assert {said.reason for said in episode.closing.rules} == {RatingReason.LEFT, RatingReason.WITHIN}


def test_dwell_counts_the_rated_periods_for_which_a_level_holds() -> None:
    slow = rule(dwell=2)
    assert shape(course_of([0.14, 0.05, 0.14, None, 0.14, 0.19, 0.19, 0.05, 0.14], slow).episodes) == [
        ("2020-05", {"2020-05": "amber", "2020-06": "amber", "2020-07": "red"}, "2020-08")
    ]


def test_a_new_version_keeps_the_course_and_a_rule_that_ends_ends_its_alert() -> None:
    history = [
        version(1, rule()),
        version(2, rule(amber=0.10, red=0.15), effective_from="2020-03-01"),
        version(3, effective_from="2020-05-01"),
    ]
    at = rules_on(history, CAUSE, "USD")
    [episode] = derive(monthly([0.12, 0.14, 0.16, 0.12, None, 0.3]), at).episodes
    assert [(entry.level, entry.rules[0].version) for entry in episode.periods] == [(AMBER, 1), (RED, 2), (RED, 2)]
    assert episode.closing is not None
    assert (format_month(episode.closing.period), episode.closing.rules) == ("2020-05", ())


def test_an_open_period_may_raise_a_level_but_not_lower_it() -> None:
    open_from = START + 2
    assert shape(course_of([0.05, 0.19, 0.01], open_from=open_from).episodes) == [("2020-02", {"2020-02": "red"}, None)]
    assert shape(course_of([0.05, 0.14, 0.19], open_from=open_from).episodes) == [
        ("2020-02", {"2020-02": "amber", "2020-03": "red"}, None)
    ]
    [episode] = course_of([0.05, 0.05, 0.14], open_from=open_from).episodes
    assert episode.opening.provisional


def test_an_immature_period_is_never_rated() -> None:
    at = rules_on([version(1, rule())], CAUSE, "USD")
    assert derive(monthly([0.9], open_from=START), at, while_open=False).episodes == ()


@given(st.lists(st.one_of(st.none(), st.integers(0, 250))), st.randoms(use_true_random=False))
def test_the_order_of_observations_does_not_matter(thousandths: list[int | None], random: Random) -> None:
    observations = monthly([None if value is None else value / 1_000 for value in thousandths])
    shuffled = list(observations)
    random.shuffle(shuffled)
    at = rules_on([version(1, rule(), rule("n", 0.08, 0.22, dwell=2))], CAUSE, "USD")
    assert derive(shuffled, at) == derive(observations, at)


# --- reconciling -----------------------------------------------------------------------------------------------------


class Desk:
    """The alerts of one cause as a store would keep them."""

    def __init__(self) -> None:
        self.alerts: dict[str, StandingAlert] = {}
        self.changes: list[Change] = []

    def see(self, course: Course) -> list[str]:
        done = reconcile(CAUSE, list(self.alerts.values()), course)
        for change in done.changes:
            before = self.alerts.get(change.alert)
            known = [each.revision for each in self.changes if each.alert == change.alert]
            assert change.revision == (max(known) if known else 0) + 1
            assert before is None or change.revision > before.revision
            assert (change.level is NONE) == (change.state is not AlertState.OPEN)
            self.changes.append(change)
        self.alerts |= {alert.id: alert for alert in done.alerts}
        for alert in done.alerts:
            last = [change for change in self.changes if change.alert == alert.id][-1]
            assert (alert.revision, alert.state) == (last.revision, last.state)
        return [f"{c.episode}:{c.kind} {format_month(c.period)} {c.level}" for c in done.changes]

    def standing(self) -> list[tuple[str, dict[str, str], str | None]]:
        alerts = [alert for alert in self.alerts.values() if alert.state is not AlertState.WITHDRAWN]
        for alert in alerts:
            assert (alert.state is AlertState.OPEN) == (alert.course.closing is None)
        return shape(sorted((alert.course for alert in alerts), key=lambda course: course.opening.period))


def test_many_periods_at_once_are_told_one_by_one() -> None:
    desk = Desk()
    said = desk.see(course_of([0.05, 0.14, 0.19, 0.19, 0.12, 0.05, 0.05, 0.14, 0.05]))
    assert said == [
        "1:opened 2020-02 amber",
        "1:worsened 2020-03 red",
        "1:continued 2020-04 red",
        "1:eased 2020-05 amber",
        "1:closed 2020-06 none",
        "2:opened 2020-08 amber",
        "2:closed 2020-09 none",
    ]
    assert [change.level_before for change in desk.changes[:5]] == [NONE, AMBER, RED, RED, AMBER]
    assert desk.see(course_of([0.05, 0.14, 0.19, 0.19, 0.12, 0.05, 0.05, 0.14, 0.05])) == []


def test_a_provisional_alert_is_confirmed_by_the_close() -> None:
    desk = Desk()
    march = START + 2
    assert desk.see(course_of([0.05, 0.05, 0.14], open_from=march)) == ["1:opened 2020-03 amber"]
    assert desk.changes[-1].provisional
    assert desk.see(course_of([0.05, 0.05, 0.15], open_from=march)) == []
    assert desk.see(course_of([0.05, 0.05, 0.19], open_from=march)) == ["1:worsened 2020-03 red"]
    assert desk.see(course_of([0.05, 0.05, 0.20])) == ["1:confirmed 2020-03 red"]
    assert not desk.changes[-1].provisional
    assert desk.changes[-1].reason is AlertReason.PERIOD_FINAL


def test_a_provisional_alert_is_withdrawn_when_its_fact_goes() -> None:
    desk = Desk()
    desk.see(course_of([0.05, 0.14], open_from=START + 1))
    assert desk.see(course_of([0.05, 0.12], open_from=START + 1)) == ["1:withdrawn 2020-02 none"]
    assert (desk.changes[-1].reason, desk.changes[-1].entry.observation.value) == (AlertReason.LEVEL_NOT_REACHED, 0.12)
    assert desk.see(course_of([0.05, 0.14], open_from=START + 1)) == ["2:opened 2020-02 amber"]


def test_a_provisional_rise_of_a_standing_alert_falls_back() -> None:
    desk = Desk()
    desk.see(course_of([0.14, 0.19], open_from=START + 1))
    assert desk.see(course_of([0.14, 0.15], open_from=START + 1)) == ["1:amended 2020-01 amber"]
    assert desk.see(course_of([0.14, 0.15])) == ["1:continued 2020-02 amber"]


def test_a_changed_past_withdraws_amends_closes_and_reopens() -> None:
    desk = Desk()
    desk.see(course_of([0.05, 0.14, 0.14, 0.12, 0.05]))
    assert desk.see(course_of([0.05, 0.14, 0.15, 0.12, 0.05])) == ["1:amended 2020-05 none"]
    assert [format_month(each.period) for each in desk.changes[-1].amendments] == ["2020-03"]
    assert desk.see(course_of([0.05, 0.14, 0.15, 0.12, 0.12])) == ["1:amended 2020-05 amber"]
    assert desk.changes[-1].state is AlertState.OPEN
    assert desk.see(course_of([0.05, 0.14, 0.15, 0.05, 0.05])) == ["1:closed 2020-04 none"]
    assert desk.changes[-1].reason is AlertReason.PAST_CHANGED
    assert desk.see(course_of([0.05, 0.12, 0.12, 0.12, 0.05])) == ["1:withdrawn 2020-02 none"]
    assert desk.see(course_of([0.05, 0.12, 0.12, 0.12, 0.05])) == []


def test_an_alert_that_opened_later_than_was_known_keeps_its_id() -> None:
    desk = Desk()
    desk.see(course_of([0.05, 0.05, 0.14]))
    [alert] = desk.alerts
    assert desk.see(course_of([0.05, 0.19, 0.14, 0.14])) == ["1:amended 2020-03 red", "1:continued 2020-04 red"]
    assert list(desk.alerts) == [alert]
    assert format_month(desk.changes[-1].opened_period) == "2020-02"


def test_two_alerts_that_become_one_keep_the_first() -> None:
    desk = Desk()
    desk.see(course_of([0.14, 0.05, 0.14]))
    assert desk.see(course_of([0.14, 0.12, 0.14])) == [
        "1:amended 2020-02 amber",
        "1:continued 2020-03 amber",
        "2:withdrawn 2020-03 none",
    ]
    assert desk.changes[-1].reason is AlertReason.JOINED
    assert desk.see(course_of([0.14, 0.05, 0.14])) == ["1:closed 2020-02 none", "3:opened 2020-03 amber"]


def test_a_value_that_is_gone_and_a_rule_that_never_was_withdraw_too() -> None:
    desk = Desk()
    desk.see(course_of([0.14]))
    desk.see(course_of([None]))
    assert desk.changes[-1].reason is AlertReason.VALUE_GONE
    desk = Desk()
    desk.see(course_of([0.14]))
    desk.see(derive(monthly([0.14]), rules_on([version(2)], CAUSE, "USD")))
    assert desk.changes[-1].reason is AlertReason.RULE_ENDED
    assert desk.changes[-1].lead.rule == "m"


def test_a_policy_for_the_past_amends_what_it_changes() -> None:
    desk = Desk()
    desk.see(course_of([0.05, 0.14, 0.05]))
    again = [version(1, rule()), version(2, rule(amber=0.12))]
    course = derive(monthly([0.05, 0.14, 0.05]), rules_on(again, CAUSE, "USD"))
    assert desk.see(course) == ["1:amended 2020-03 none"]
    assert {change.lead.version for change in desk.changes} == {1, 2}


VALUES = st.lists(st.sampled_from([0.05, 0.12, 0.14, 0.16, 0.19, None]), min_size=1, max_size=9)
VIEWS = st.lists(st.tuples(VALUES, st.integers(0, 10)), min_size=1, max_size=6)
"""What was known at some moments: the values so far, and from which period on they were not final."""


@settings(max_examples=300)
@given(VIEWS, VALUES, st.integers(1, 2))
def test_alerts_that_stand_at_the_end_do_not_depend_on_the_way_there(
    views: list[tuple[list[float | None], int]], last: list[float | None], dwell: int
) -> None:
    desk, rules = Desk(), (rule(dwell=dwell), rule("n", 0.08, 0.15))
    for values, final_until in views:
        course = course_of(values, *rules, open_from=START + final_until)
        desk.see(course)
        assert desk.standing() == shape(course.episodes)
        assert desk.see(course) == []
    final = course_of(last, *rules)
    desk.see(final)
    assert desk.standing() == shape(final.episodes)
    undisturbed = Desk()
    undisturbed.see(final)
    assert desk.standing() == undisturbed.standing()
    assert {alert.course for alert in desk.alerts.values() if alert.state is not AlertState.WITHDRAWN} == set(
        final.episodes
    )


@given(VALUES)
def test_step_by_step_tells_the_same_story_as_all_at_once(values: list[float | None]) -> None:
    """A replay that closes month by month and one that is evaluated once at the end write the same revisions."""
    slow, fast = Desk(), Desk()
    told = [line for length in range(1, len(values) + 1) for line in slow.see(course_of(values[:length]))]
    assert told == fast.see(course_of(values))
    assert slow.changes == fast.changes
    assert all(change.kind is not ChangeKind.AMENDED for change in slow.changes)
