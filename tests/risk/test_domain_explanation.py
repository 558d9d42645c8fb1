"""Explanations and their sentences: true numbers, contributions that add up, words an officer can defend."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.risk.domain.explanation import (
    SEGMENTS_NAMED,
    Circumstances,
    Shares,
    Subject,
    contributions_of,
    value_before,
)
from services.risk.domain.phrases import PHRASEBOOKS
from services.risk.domain.policy import (
    Policy,
    PolicyVersion,
    Rule,
    Threshold,
)
from services.risk.domain.sentence import sentence
from shared.kernel.days import parse_month
from tests.risk.telling import HISTORY, LAST_MONTHS, MISSED, PAR, REGIONS, Telling, observed


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
        Circumstances(title="Missed payments", because="repayment"),
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
