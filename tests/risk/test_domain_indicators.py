"""Each indicator reads measures that exist, says its definition, and divides by nothing but what is there."""

import pytest

from services.risk.domain.cells import add
from services.risk.domain.indicators import INDICATORS, Indicator, Maturity, reading
from services.risk.domain.measures import MEASURES, Kind, Unit

ASKED_FOR = (
    "missed_payment_rate", "repayment_delay_rate", "default_rate", "charge_off_rate", "par30", "par60", "par90",
    "project_slip_rate", "project_delay_rate", "csat", "nps", "survey_response_rate",
)  # fmt: skip


def test_all_indicators_are_there() -> None:
    assert tuple(INDICATORS) == ASKED_FOR


@pytest.mark.parametrize("indicator", INDICATORS.values(), ids=lambda indicator: indicator.name)
def test_an_indicator_is_whole(indicator: Indicator) -> None:
    assert " / " in indicator.definition.replace("\n", " ")
    for basis in indicator.bases:
        unit = Unit.COUNT if basis == "count" else Unit.MINOR
        top, bottom = MEASURES[indicator.numerator[basis]], MEASURES[indicator.denominator[basis]]
        assert top.unit is bottom.unit is unit
        assert MEASURES[indicator.sample].unit is Unit.COUNT
        assert set(indicator.measures(basis)) <= set(MEASURES)
        for name in indicator.parts.get(basis, {}).values():
            assert MEASURES[name].cohort == top.cohort or name == "recovered"
    assert set(indicator.parts) <= set(indicator.bases)
    assert ("day" in indicator.period_kinds) == all(
        MEASURES[name].kind is Kind.STEP for basis in indicator.bases for name in indicator.measures(basis)
    )


def test_maturity_is_as_decided() -> None:
    at_once = {name for name, indicator in INDICATORS.items() if indicator.maturity is Maturity.AT_ONCE}
    assert at_once == {"charge_off_rate", "par30", "par60", "par90"}


def test_a_reading_and_one_without_a_denominator() -> None:
    sums = {"missed_loans": 191, "due_loans": 931, "missed_loans_paid_ahead": 35}
    read = reading(INDICATORS["missed_payment_rate"], "count", sums.__getitem__)
    assert read.value == pytest.approx(0.205, abs=0.0005)
    assert (read.numerator, read.denominator, read.sample, read.parts) == (191, 931, 931, {"paid_ahead": 35})
    nothing = reading(INDICATORS["default_rate"], "exposure", lambda _: 0)
    assert nothing.value is None
    with pytest.raises(KeyError):
        reading(INDICATORS["par30"], "count", lambda _: 0)


def test_adding_cells_drops_what_comes_to_nothing() -> None:
    cells = {("portfolio", "USD", "loans", 1): 1}
    add(cells, {("portfolio", "USD", "loans", 1): 1, ("portfolio", "USD", "loans", 2): 2}, -1)
    assert cells == {("portfolio", "USD", "loans", 2): -2}
