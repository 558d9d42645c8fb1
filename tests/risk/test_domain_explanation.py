"""Explanations and their sentences: true numbers, contributions that add up, words an officer can defend."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.risk.domain.course import derive
from services.risk.domain.explanation import (
    SEGMENTS_NAMED,
    Circumstances,
    Explanation,
    Shares,
    Subject,
    contributions_of,
    explain,
    value_before,
)
from services.risk.domain.indicators import INDICATORS
from services.risk.domain.phrases import PHRASEBOOKS
from services.risk.domain.policy import (
    Catalogue,
    Cause,
    Direction,
    PeriodKind,
    Policy,
    PolicyVersion,
    Rule,
    Threshold,
    rule_named,
    rules_on,
)
from services.risk.domain.policy_file import parse
from services.risk.domain.rating import Observation
from services.risk.domain.revision import StandingAlert, reconcile
from services.risk.domain.sentence import sentence
from shared.kernel.days import month_end, parse_month

DEMO = parse(
    (Path(__file__).parents[2] / "policies" / "demo.yaml").read_text(encoding="utf-8"),
    Catalogue(INDICATORS, ("region", "industry")),
).policy
assert DEMO is not None
HISTORY = [PolicyVersion(DEMO, 1, datetime(2020, 1, 1, tzinfo=UTC))]
MISSED = Cause("auto", "missed_payment_rate", "count", "", PeriodKind.MONTH, "portfolio", Direction.ABOVE)
PAR = Cause("auto", "par30", "exposure", "USD", PeriodKind.MONTH, "portfolio", Direction.ABOVE)
LAST_MONTHS = [
    ("2020-02", 143, 1_725),
    ("2020-03", 191, 1_724),
    ("2020-04", 353, 1_722),
    ("2020-05", 390, 1_703),
    ("2020-06", 311, 1_681),
    ("2020-07", 260, 1_656),
    ("2020-08", 157, 1_635),
]
REGIONS = {
    "TX": Shares(72, 210, 40, 212),
    "CA": Shares(55, 180, 35, 181),
    "FL": Shares(44, 150, 31, 150),
    "NY": Shares(31, 120, 22, 120),
    "OH": Shares(30, 112, 21, 112),
    "GA": Shares(29, 110, 21, 110),
    "PA": Shares(92, 840, 21, 839),
}


def observed(figures: Iterable[tuple[str, int, int]], *, final: bool = True) -> list[Observation]:
    return [
        Observation(
            parse_month(month), month_end(parse_month(month)), bad / all_ if all_ else None, bad, all_, all_, final
        )
        for month, bad, all_ in figures
    ]


PLAIN = Circumstances(title="Missed payments")


class Telling:
    """What an evaluator does with one cause: derive, reconcile, explain, say."""

    def __init__(self, cause: Cause = MISSED, history: list[PolicyVersion] | None = None) -> None:
        self.cause = cause
        self.history = history or HISTORY
        self.standing: list[StandingAlert] = []
        self.explained: list[Explanation] = []

    def tell(
        self,
        observations: list[Observation],
        circumstances: Circumstances = PLAIN,
        while_open: bool = False,
    ) -> list[str]:
        course = derive(observations, rules_on(self.history, self.cause, "USD"), while_open=while_open)
        done = reconcile(self.cause, self.standing, course)
        changed = {alert.id for alert in done.alerts}
        self.standing = [alert for alert in self.standing if alert.id not in changed] + list(done.alerts)
        said = []
        for change in done.changes:
            rule = rule_named(self.history, change.lead.policy, change.lead.version, change.lead.rule)
            known = msgspec.structs.replace(circumstances, before=value_before(observations, change.period))
            explanation = explain(self.cause, change, rule, known)
            assert json.loads(json.dumps(explanation.as_data())) == explanation.as_data()
            self.explained.append(explanation)
            said.append(sentence(explanation))
        return said


def test_the_crisis_in_words() -> None:
    telling = Telling()
    opened = telling.tell(
        observed(LAST_MONTHS[:3]), Circumstances(title="Missed payments", drivers={"region": REGIONS})
    )
    assert opened == [
        "Missed payments of book auto reached 20.5 % (353 of 1,722 loans) in 2020-04, red from 18.0 % by policy demo"
        " v1. It rose by 9.4 points from 11.1 % in 2020-03; region=TX (+2.8), region=CA (+2.0) and region=FL (+1.6)"
        " made most of it. Data as of 2020-04-30."
    ]
    assert [line.split(" It ")[0] for line in telling.tell(observed(LAST_MONTHS))] == [
        "Missed payments of book auto stayed red: 22.9 % (390 of 1,703 loans) in 2020-05, red from 18.0 % by policy"
        " demo v1.",
        "Missed payments of book auto stayed red: 18.5 % (311 of 1,681 loans) in 2020-06, red from 18.0 % by policy"
        " demo v1.",
        "Missed payments of book auto stayed red: 15.7 % (260 of 1,656 loans) in 2020-07, red until below 14.0 % by"
        " policy demo v1.",
        "Closed: Missed payments of book auto came back to 9.6 % (157 of 1,635 loans) in 2020-08, below 11.0 % by"
        " policy demo v1.",
    ]


def test_a_weekend_month_says_so_and_a_note_is_always_said() -> None:
    weekend = Circumstances(title="Missed payments", off_work_end=True, data_age_days=2)
    [said] = Telling().tell(observed([("2018-09", 243, 1_723)]), weekend)
    assert said.endswith(
        "The month ends on a day off, so payments of the next working day fall into the next month."
        " Data as of 2018-09-28."
    )
    [said] = Telling(PAR).tell(
        observed([("2020-04", 351_241_042, 1_996_000_000)]), Circumstances(title="Portfolio at risk > 30 days")
    )
    assert said == (
        "Portfolio at risk > 30 days of book auto reached 17.6 % (USD 3,512,410 of 19,960,000) in 2020-04, amber from"
        " 15.0 % by policy demo v1. Payment extensions are not marked in this tape. Data as of 2020-04-30."
    )


def test_a_withdrawal_says_what_is_true_now_and_why() -> None:
    telling = Telling()
    telling.tell(observed([("2020-03", 132, 1_000)]))
    assert telling.tell(
        observed([("2020-03", 124, 1_000)]),
        Circumstances(title="Missed payments", because="a back-dated repayment"),
    ) == [
        "Withdrawn after a back-dated repayment: as now known, Missed payments of book auto came to 12.4 % (124 of"
        " 1,000 loans) in 2020-03 and did not reach 13.0 %, the least level of policy demo v1. Data as of 2020-03-31."
    ]
    assert telling.explained[-1].level == "none"


def test_values_that_would_look_equal_to_a_level_get_more_digits() -> None:
    telling = Telling()
    telling.tell(observed([("2020-03", 1_300, 10_000)]))
    [said] = telling.tell(observed([("2020-03", 1_299, 10_000)]))
    assert "came to 12.99 % (1,299 of 10,000 loans) in 2020-03 and did not reach 13.00 %" in said


def test_an_amended_past_names_its_periods() -> None:
    telling = Telling()
    telling.tell(observed([("2020-03", 132, 1_000), ("2020-04", 150, 1_000)]))
    [said] = telling.tell(observed([("2020-03", 190, 1_000), ("2020-04", 150, 1_000)]))
    assert said.startswith(
        "Amended after facts that came later: 2020-03 is now 19.0 % (red), was 13.2 % (amber); 2020-04 is now 15.0 %"
        " (red), was 15.0 % (amber). Missed payments of book auto stood at 15.0 % (150 of 1,000 loans) in 2020-04,"
        " red until below 14.0 % by policy demo v1."
    )
    [said] = telling.tell(observed([("2020-03", 190, 1_000), ("2020-04", 50, 1_000)]))
    assert said.startswith(
        "Closed after facts that came later: 2020-04 is now 5.0 % (no alert), was 15.0 % (red). Missed payments of"
        " book auto came back to 5.0 % (50 of 1,000 loans) in 2020-04, below 11.0 % by policy demo v1."
    )


def test_a_provisional_alert_says_so_until_it_is_confirmed() -> None:
    rule = Rule(
        id="c", book="auto", indicator="charge_off_rate", owner="o", amber=Threshold(0.01, 0.005), segments=("region",)
    )
    history = [PolicyVersion(Policy(name="loss", rules=(rule,)), 3, HISTORY[0].known_at)]
    telling = Telling(MISSED._replace(indicator="charge_off_rate", segment="region=TX"), history)
    charge_offs = Circumstances(title="Charge-offs", top=[Subject("L1", "charged off", 1_250_000, "USD")])
    assert telling.tell(observed([("2020-04", 2, 100)], final=False), charge_offs, while_open=True) == [
        "Charge-offs of region=TX in book auto reached 2.0 % (2 of 100 loans) in 2020-04, amber from 1.0 % by policy"
        " loss v3. Provisional: the period is not final. Data as of 2020-04-30."
    ]
    assert telling.tell(observed([("2020-04", 3, 100)]), charge_offs, while_open=True) == [
        "Confirmed now that 2020-04 is final: Charge-offs of region=TX in book auto at 3.0 % (3 of 100 loans), amber"
        " from 1.0 % by policy loss v3. Data as of 2020-04-30."
    ]
    assert telling.explained[0].as_data()["top"] == [
        {"id": "L1", "what": "charged off", "amount_minor": 1_250_000, "currency": "USD"}
    ]


@pytest.mark.parametrize("language", sorted(PHRASEBOOKS))
def test_every_kind_of_change_can_be_said_in_every_language(language: str) -> None:
    telling = Telling()
    high, low, none = (("2020-04", 190, 1_000), ("2020-04", 140, 1_000), ("2020-04", 0, 0))
    for figures in (
        [high],
        [low],
        [none],
        [high, ("2020-05", 130, 1_000), ("2020-06", 200, 1_000), ("2020-07", 9, 90)],
    ):
        telling.tell(observed(figures))
    kinds = {explanation.change for explanation in telling.explained}
    assert {"opened", "amended", "withdrawn", "eased", "worsened", "closed"} <= kinds
    for explanation in telling.explained:
        said = sentence(explanation, language)
        assert "{" not in said
        assert "None" not in said
    with pytest.raises(KeyError):
        sentence(telling.explained[0], "xx")


# --- the split of a change -----------------------------------------------------------------------------------------

SHARES = st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)).map(
    lambda four: Shares(min(four[0], four[1]), four[1], min(four[2], four[3]), four[3])
)


@given(st.dictionaries(st.text("ABCDEFGH", min_size=1, max_size=2), SHARES, min_size=1, max_size=12))
def test_contributions_add_up_to_the_change(segments: dict[str, Shares]) -> None:
    numerator, denominator, numerator_before, denominator_before = (
        sum(column) for column in zip(*segments.values(), strict=True)
    )
    if not denominator or not denominator_before:
        return
    before, now = observed([("2020-03", numerator_before, denominator_before), ("2020-04", numerator, denominator)])
    parts = contributions_of(now, before, segments)
    change = Fraction(numerator, denominator) - Fraction(numerator_before, denominator_before)
    assert sum(parts.values()) == change
    telling = Telling(history=[PolicyVersion(Policy(name="p", rules=(ALWAYS,)), 1, HISTORY[0].known_at)])
    telling.tell([before, now], Circumstances(title="T", drivers={"region": segments}))
    for explanation in telling.explained:
        if explanation.period != "2020-04" or explanation.before is None:
            continue
        [split] = explanation.before.splits
        assert explanation.before.change == float(change)
        assert len(split.contributions) <= SEGMENTS_NAMED
        assert len(split.contributions) + split.rest_segments == len(segments)
        assert sum(each.contribution for each in split.contributions) + split.rest == pytest.approx(float(change))
        assert all(each.contribution * float(change) >= 0 for each in split.contributions)
        sizes = [abs(each.contribution) for each in split.contributions]
        assert sizes == sorted(sizes, reverse=True)


ALWAYS = Rule(id="a", book="auto", indicator="missed_payment_rate", owner="o", amber=Threshold(1e-9, 1e-9))


def test_what_lies_in_no_segment_is_part_of_the_rest() -> None:
    telling = Telling(history=[PolicyVersion(Policy(name="p", rules=(ALWAYS,)), 1, HISTORY[0].known_at)])
    telling.tell(
        observed([("2020-03", 10, 100), ("2020-04", 30, 100)]),
        Circumstances(title="T", drivers={"region": {"TX": Shares(5, 40, 5, 40)}, "industry": {}}),
    )
    before = telling.explained[-1].before
    assert before is not None
    [split] = before.splits
    assert [each.segment for each in split.contributions] == ["region=TX"]
    assert split.contributions[0].contribution == pytest.approx(0.01)
    assert split.rest == pytest.approx(0.19)
    assert "its largest parts are region=TX (+1.0)." in sentence(telling.explained[-1])


def test_the_value_before_skips_periods_without_one() -> None:
    observations = observed([("2020-01", 1, 10), ("2020-02", 0, 0), ("2020-03", 3, 10)])
    assert value_before(observations, parse_month("2020-03")) == observations[0]
    assert value_before(observations, parse_month("2020-01")) is None
