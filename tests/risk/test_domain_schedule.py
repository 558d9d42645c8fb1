"""Schedules against worked examples, and what every schedule must hold."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.risk.domain.schedule import Generated, Instalment, annuity_minor, expand, packed, with_arrears
from shared.kernel.days import format_day
from tests.risk.loans import any_terms, day, monthly


def _generated(kind: str, number: int, rate: str = "0", first: str = "2020-01-31", **fields: object) -> Generated:
    values = {"kind": kind, "first_due": day(first), "instalments": number, "rate": rate, **fields}
    return Generated(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("principal", "rate", "number", "instalment"),
    [
        (20_000_000, Decimal("0.06") / 12, 360, 119_910),  # USD 200,000 at 6 % over 30 years: 1,199.10
        (10_000_000, Decimal("0.05") / 12, 360, 53_682),  # 100,000 at 5 % over 30 years: 536.82
        (10_000_000, Decimal("0.06") / 12, 180, 84_386),  # 100,000 at 6 % over 15 years: 843.86
        (100_000, Decimal("0.10"), 3, 40_211),  # 1,000 at 10 % a period, three periods: 402.11
        (100_000, Decimal(0), 3, 33_333),
    ],
)
def test_annuity_formula(principal: int, rate: Decimal, number: int, instalment: int) -> None:
    assert annuity_minor(principal, rate, number) == instalment


def test_annuity_rows_and_the_last_one_takes_the_rounding() -> None:
    # 1,000.00 at 10 % a year, paid yearly: interest 100.00, 69.79, 36.56.
    terms = _generated("annuity", 3, "0.10", first="2020-01-31", every_months=12)
    assert expand(terms, 100_000) == (
        Instalment(day("2020-01-31"), 40_211, 30_211),
        Instalment(day("2021-01-31"), 40_211, 33_232),
        Instalment(day("2022-01-31"), 40_213, 36_557),
    )


def test_equal_principal_and_bullet() -> None:
    assert [row[1:] for row in expand(_generated("equal_principal", 3, "0.12"), 100_000)] == [
        (34_333, 33_333),
        (34_000, 33_333),
        (33_334 + 333, 33_334),
    ]
    assert [row[1:] for row in expand(_generated("bullet", 3, "0.12"), 100_000)] == [
        (1_000, 0),
        (1_000, 0),
        (101_000, 100_000),
    ]


def test_a_bullet_without_interest_falls_due_once() -> None:
    assert [(format_day(row.due), *row[1:]) for row in expand(_generated("bullet", 3), 500)] == [
        ("2020-03-31", 500, 500)
    ]


def test_due_days_keep_the_day_of_the_month() -> None:
    rows = expand(_generated("equal_principal", 4), 400)
    assert [format_day(row.due) for row in rows] == ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]


def test_a_fixed_instalment_ends_when_all_is_paid() -> None:
    rows = expand(_generated("annuity", 12, amount_minor=400), 1_000)
    assert [row[1:] for row in rows] == [(400, 400), (400, 400), (200, 200)]
    rows = expand(_generated("annuity", 2, amount_minor=400), 1_000)
    assert [row[1:] for row in rows] == [(400, 400), (600, 600)]


def test_principal_of_a_given_schedule_without_a_split_follows_the_amounts() -> None:
    rows = expand(monthly("2020-01-15", 3, 400), 1_000)
    assert [row.principal_minor for row in rows] == [333, 333, 334]
    mixed = (Instalment(10, 400, 350), Instalment(20, 400), Instalment(30, 0), Instalment(40, 400, 500))
    assert [row.principal_minor for row in expand(mixed, 1_000)] == [350, 250, 400]
    assert [row.principal_minor for row in expand(monthly("2020-01-15", 2, 100), 5_000)] == [100, 100]


def test_arrears_bear_what_the_schedule_leaves_over() -> None:
    schedule = with_arrears((Instalment(5, 100),), (Instalment(20, 100, 90), Instalment(10, 100, 90)), 200)
    assert schedule.dues == (5, 10, 20)
    assert schedule.principals == (20, 110, 200)
    assert with_arrears((), None, 100).dues == ()


def test_principal_within_payments_counts_interest_first() -> None:
    schedule = packed((Instalment(1, 100, 80), Instalment(2, 100, 90)))
    paid = [0, 10, 20, 21, 100, 105, 110, 111, 200, 250]
    assert [schedule.principal_within(amount) for amount in paid] == [0, 0, 0, 1, 80, 80, 80, 81, 170, 220]


def test_covered_within_the_tolerance() -> None:
    schedule = packed(monthly("2020-01-15", 3, 100))
    assert [schedule.covered_by(paid, 10) for paid in (0, 89, 90, 189, 190, 300)] == [0, 0, 1, 1, 2, 3]


@given(principal=st.integers(1, 10**9), terms=any_terms(737_500))
def test_generated_principal_sums_exactly(principal: int, terms: tuple[Instalment, ...] | Generated) -> None:
    rows = expand(terms, principal)
    assert [row.due for row in rows] == sorted(row.due for row in rows)
    assert all(row.amount_minor > 0 and 0 <= (row.principal_minor or 0) <= row.amount_minor for row in rows)
    if isinstance(terms, Generated):
        assert sum(row.principal_minor or 0 for row in rows) == principal
        assert len(rows) <= terms.instalments
