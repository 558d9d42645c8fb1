"""One loan, case by case: what the page says about each kind of fact, in sentences."""

from collections.abc import Sequence

import pytest

from services.risk.domain.anomaly import Contradiction
from services.risk.domain.book import BookTerms
from services.risk.domain.loan import SegmentMove, advance, fold, view
from services.risk.domain.loan_facts import LoanFact
from services.risk.domain.measures import MEASURES, Kind
from services.risk.domain.schedule import Generated, Instalment
from shared.kernel.days import month_end, month_start, parse_month
from tests.risk.loans import book, day, fact, monthly

START = fact("disbursed", "2020-01-10", amount_minor=60_000, schedule=monthly("2020-02-15", 6, 10_500, 10_000))


def _repaid(on: str, amount: int = 10_500, id: str = "", **fields: object) -> LoanFact:
    return fact("repaid", on, id, amount_minor=amount, **fields)


class _Figures:
    """Reads measures of a fold as the evaluator would."""

    def __init__(self, facts: Sequence[LoanFact], terms: BookTerms | None = None, moves: Sequence[SegmentMove] = ()):
        self.folded = fold(facts, moves, terms or book())

    def at(self, measure: str, on: str, segment: str = "portfolio") -> int:
        assert MEASURES[measure].kind is Kind.STEP
        return self._sum(measure, segment, 0, day(on))

    def month(self, measure: str, month: str, segment: str = "portfolio") -> int:
        number = parse_month(month)
        first = 0 if MEASURES[measure].kind is Kind.STEP else month_start(number)
        return self._sum(measure, segment, first, month_end(number))

    def months(self, measure: str, *months: str) -> list[int]:
        return [self.month(measure, month) for month in months]

    def reasons(self) -> list[str]:
        return [anomaly.reason for anomaly in self.folded.anomalies]

    def _sum(self, measure: str, segment: str, first: int, last: int) -> int:
        return sum(
            value
            for (at, _, name, on), value in self.folded.cells.items()
            if at == segment and name == measure and first <= on <= last
        )


@pytest.mark.parametrize(("offset", "days"), [(1, ("2021-04-30", "2021-05-30", "2021-06-29")),
                                              (0, ("2021-05-01", "2021-05-31", "2021-06-30"))])  # fmt: skip
def test_oracle_o1_days_on_which_par_begins(offset: int, days: tuple[str, str, str]) -> None:
    """RBI: due 31 March, unpaid: SMA-1 on 30 April, SMA-2 on 30 May, NPA on 29 June (offset 1)."""
    loan = fact("disbursed", "2021-01-05", amount_minor=500, schedule=(Instalment(day("2021-03-31"), 500),))
    figures = _Figures([loan], book(dpd_offset=offset))
    for limit, on in zip((30, 60, 90), days, strict=True):
        assert [figures.at(f"par{limit}_loans", on), figures.at(f"par{limit}", on)] == [1, 500]
        eve = view([loan], [], book(dpd_offset=offset), day(on) - 1)
        assert eve is not None
        assert eve.dpd == limit
        assert sum(v for c, v in figures.folded.cells.items() if c[2] == f"par{limit}" and c[3] < day(on)) == 0


def test_days_past_due_count_from_the_next_working_day() -> None:
    loan = fact("disbursed", "2021-01-05", amount_minor=500, schedule=(Instalment(day("2021-07-03"), 500),))
    shown = view([loan], [], book(calendar="US"), day("2021-07-07"))
    assert shown is not None
    assert shown.dpd == 1, "3 July 2021 is a Saturday, Monday is Independence Day observed: moved to the 6th"


def test_paying_on_time() -> None:
    figures = _Figures([START, _repaid("2020-02-15"), _repaid("2020-03-14")])
    assert figures.months("due_loans", "2020-01", "2020-02", "2020-03", "2020-08") == [0, 1, 1, 0]
    assert figures.months("missed_loans", "2020-02", "2020-03", "2020-04") == [0, 0, 1]
    assert figures.months("instalments_uncovered", "2020-02", "2020-03", "2020-04") == [0, 0, 1]
    assert figures.months("exposure", "2020-01", "2020-02", "2020-03") == [60_000, 50_000, 40_000]
    assert figures.months("loans", "2019-12", "2020-01", "2021-12") == [0, 1, 1]


def test_any_amount_is_a_payment_but_does_not_cover() -> None:
    figures = _Figures([START, _repaid("2020-02-20", 1)])
    assert figures.month("missed_loans", "2020-02") == 0
    assert figures.month("instalments_uncovered", "2020-02") == 1
    assert _Figures([START, _repaid("2020-02-15", 10_400)], book(tolerance_minor={"USD": 100})).month(
        "instalments_uncovered", "2020-02") == 0  # fmt: skip


def test_paying_ahead_is_carried_forward_and_shown_as_a_part() -> None:
    figures = _Figures([START, _repaid("2020-02-15", 31_500)])
    months = ("2020-02", "2020-03", "2020-04", "2020-05")
    assert figures.months("missed_loans", *months) == [0, 1, 1, 1]
    assert figures.months("missed_loans_paid_ahead", *months) == [0, 1, 1, 0]
    assert figures.months("instalments_uncovered", *months) == [0, 0, 0, 1]


def test_late_in_the_next_month_leaves_the_month_uncovered() -> None:
    figures = _Figures([START, _repaid("2020-03-02")])
    assert figures.months("instalments_uncovered", "2020-02", "2020-03") == [1, 1]
    assert figures.months("missed_loans", "2020-02", "2020-03") == [1, 0]


def test_a_due_date_moved_into_the_next_month_is_judged_there() -> None:
    loan = fact("disbursed", "2020-01-05", amount_minor=500, schedule=(Instalment(day("2020-02-29"), 500),))
    terms = book(calendar="WEEKENDS")
    on_time = _Figures([loan, _repaid("2020-03-02", 500)], terms)
    assert on_time.months("instalments_due", "2020-02", "2020-03") == [1, 0], "29 February 2020 is a Saturday"
    assert on_time.month("instalments_uncovered", "2020-02") == 0
    assert on_time.month("missed_loans", "2020-02") == 1, "the money came in March"
    assert _Figures([loan, _repaid("2020-03-03", 500)], terms).month("instalments_uncovered", "2020-02") == 1


def test_a_reversed_repayment_was_never_received() -> None:
    paid, back = _repaid("2020-02-15", id="p"), fact("reversed", "2020-04-03", target="p")
    figures = _Figures([START, paid, back])
    assert figures.months("missed_loans", "2020-02") == [1]
    assert figures.month("exposure", "2020-02") == 60_000
    part = _Figures([START, paid, fact("reversed", "2020-04-03", target="p", amount_minor=10_000)])
    assert part.months("missed_loans", "2020-02") == [0]
    assert part.month("instalments_uncovered", "2020-02") == 1
    assert _Figures([START, paid, fact("reversed", "2020-04-03", target="p", amount_minor=99_999)]).reasons() == [
        Contradiction.REVERSED_TOO_MUCH
    ]


def test_the_latest_correction_holds_and_may_move_the_day() -> None:
    paid = _repaid("2020-02-15", id="p")
    wrong = fact("corrected", "2020-03-01", "c1", target="p", replacement=_repaid("2020-03-15"))
    right = fact("corrected", "2020-03-02", "c2", target="p", replacement=_repaid("2020-01-20"))
    figures = _Figures([right, wrong, paid, START])
    assert figures.months("missed_loans", "2020-02") == [1]
    assert figures.months("missed_loans_paid_ahead", "2020-02") == [1]
    assert _Figures([START, paid, fact("corrected", "2020-03-01", target="p")]).month("missed_loans", "2020-02") == 1
    undone = fact("corrected", "2020-03-03", "c3", target="c2")
    assert _Figures([START, paid, wrong, right, undone]).month("missed_loans", "2020-03") == 0


def test_pay_off_settles_everything_even_below_the_instalment() -> None:
    figures = _Figures([START, _repaid("2020-03-20", 100), fact("closed", "2020-03-20")])
    assert figures.months("instalments_uncovered", "2020-02", "2020-03") == [1, 0]
    assert figures.months("instalments_due", "2020-03", "2020-04") == [1, 0]
    assert figures.months("exposure", "2020-02", "2020-03") == [60_000, 0]
    assert figures.months("par30", "2020-03", "2020-12") == [0, 0]
    assert figures.folded.anomalies == []


def test_charge_off_counts_what_was_due_by_its_day_and_is_a_default() -> None:
    figures = _Figures([START, fact("charged_off", "2020-03-15")])
    assert figures.months("instalments_due", "2020-03", "2020-04") == [1, 0]
    assert figures.month("instalments_uncovered", "2020-03") == 1
    assert figures.months("missed_loans", "2020-03", "2020-04") == [1, 0]
    assert figures.months("charged_off", "2020-02", "2020-03") == [0, 1]
    assert figures.months("charged_off_principal", "2020-03") == [60_000]
    assert figures.months("defaulted_by_charge_off", "2020-03", "2020-06") == [1, 0]
    assert figures.months("active_at_start", "2020-01", "2020-02", "2020-03", "2020-04") == [0, 1, 1, 0]
    assert figures.month("exposure", "2020-03") == 0
    before_its_due = _Figures([START, fact("charged_off", "2020-03-14")])
    assert before_its_due.month("instalments_due", "2020-03") == 0


def test_a_loan_charged_off_in_its_first_month_is_in_neither_number() -> None:
    figures = _Figures([START, fact("charged_off", "2020-01-31")])
    assert figures.months("charged_off", "2020-01") == [0]
    assert figures.months("defaulted", "2020-01") == [0]
    assert figures.months("performing", "2020-01", "2020-02") == [0, 0]


def test_leaving_the_book_counts_until_then_and_in_nothing_after() -> None:
    figures = _Figures([START, fact("left_book", "2020-06-01")])
    assert figures.months("due_loans", "2020-05", "2020-06") == [1, 0]
    assert figures.at("par90", "2020-05-31") == 60_000
    assert figures.at("par90", "2020-06-01") == figures.at("exposure", "2020-06-01") == 0
    assert figures.month("defaulted", "2020-05") == 1
    assert figures.months("active_at_start", "2020-06", "2020-07") == [1, 0]


def test_default_at_the_months_last_close_and_cure_after_three_at_zero() -> None:
    late = [START, _repaid("2020-06-20", 52_500)]
    figures = _Figures(late)
    assert figures.months("defaulted", "2020-04", "2020-05", "2020-06") == [0, 1, 0]
    assert figures.months("performing", "2020-05", "2020-06") == [1, 0]
    cured = _Figures([*late, _repaid("2020-07-15")])
    assert cured.months("performing", "2020-08", "2020-09", "2020-10") == [0, 1, 1]
    paid_two_days_later = _Figures([START, _repaid("2020-05-29", 10_500)])
    assert paid_two_days_later.month("defaulted", "2020-05") == 0


def test_a_late_month_end_starts_the_cure_again() -> None:
    loan = fact("disbursed", "2020-01-10", amount_minor=60_000, schedule=monthly("2020-02-15", 18, 4_000))
    paid = [_repaid("2020-06-20", 20_000), _repaid("2020-07-20", 1), _repaid("2020-08-20", 30_000)]
    figures = _Figures([loan, *paid])
    assert figures.months("performing", "2020-05", "2020-06", "2020-10", "2020-11") == [1, 0, 0, 1]


def test_month_ends_at_zero_add_up_over_payments() -> None:
    loan = fact("disbursed", "2020-01-10", amount_minor=60_000, schedule=monthly("2020-02-15", 18, 4_000))
    paid = [_repaid("2020-06-20", 20_000), _repaid("2020-07-15", 4_000), _repaid("2020-08-15", 4_000)]
    figures = _Figures([loan, *paid, _repaid("2020-09-15", 4_000)])
    assert figures.months("performing", "2020-08", "2020-09") == [0, 1]


def test_a_loan_taken_on_in_default_starts_so() -> None:
    arrears = (Instalment(day("2019-09-15"), 10_500),)
    loan = fact("taken_on", "2020-01-10", amount_minor=50_000, arrears=arrears, schedule=monthly("2020-02-15", 3, 10_500))  # noqa: E501 # fmt: skip
    figures = _Figures([loan])
    assert figures.month("instalments_due", "2019-09") == 0
    assert figures.at("par90", "2020-01-10") == 50_000
    assert figures.months("performing", "2020-01", "2020-02", "2020-03") == [0, 0, 0]
    assert figures.months("active_at_start", "2020-01", "2020-02") == [0, 1]
    shown = view([loan, _repaid("2020-02-01", 5_000)], [], book(), day("2020-02-20"))
    assert shown is not None
    assert (shown.arrears_minor, shown.dpd) == (16_000, day("2020-02-20") - day("2019-09-15"))


def test_restructuring_keeps_its_dpd_in_par_for_twelve_months() -> None:
    new = fact("restructured", "2020-04-20", schedule=monthly("2020-05-15", 24, 3_000))
    paid = [_repaid(f"2020-{month:02d}-15", 3_000) for month in range(5, 13)]
    paid += [_repaid(f"2021-{month:02d}-15", 3_000) for month in range(1, 6)]
    figures = _Figures([START, new, *paid])
    assert figures.at("par60", "2020-04-15") == 0
    assert [figures.at("par60_loans", "2020-04-20"), figures.at("par60_restructured_loans", "2020-04-20")] == [1, 1]
    assert [figures.at("par60_loans", "2021-04-19"), figures.at("par60_loans", "2021-04-20")] == [1, 0]
    assert figures.at("par60_restructured", "2021-04-20") == 0
    assert [figures.at("par90_restructured_loans", on) for on in ("2021-04-25", "2022-04-25")] == [0, 0]
    assert [figures.at("par90_loans", on) for on in ("2021-04-25", "2022-04-25")] == [0, 1]
    assert figures.month("instalments_uncovered", "2020-04") == 1, "replaced is not paid"
    assert figures.months("missed_loans", "2020-04", "2020-05") == [1, 0]
    shown = view([START, new], [], book(), day("2020-05-01"))
    assert shown is not None
    assert (shown.dpd, shown.par_dpd, shown.restructured) == (0, 65, True)


def test_restructured_again_it_keeps_the_higher_dpd() -> None:
    once = fact("restructured", "2020-06-20", schedule=monthly("2020-07-15", 24, 3_000))
    again = fact("restructured", "2020-07-10", schedule=monthly("2020-09-15", 24, 3_000))
    paid = [_repaid(f"2020-{month:02d}-15", 3_000) for month in range(9, 13)]
    paid += [_repaid(f"2021-{month:02d}-15", 3_000) for month in range(1, 8)]
    figures = _Figures([START, once, again, *paid])
    assert [figures.at("par90_loans", on) for on in ("2020-08-01", "2021-07-09", "2021-07-10")] == [1, 1, 0]


def test_what_two_restructurings_in_a_month_replaced_was_not_paid_ahead() -> None:
    once = fact("restructured", "2020-02-16", schedule=monthly("2020-03-15", 24, 3_000))
    again = fact("restructured", "2020-02-17", schedule=monthly("2020-04-15", 24, 3_000))
    figures = _Figures([START, once, again])
    assert [figures.month(name, "2020-02") for name in ("due_loans", "missed_loans", "missed_loans_paid_ahead")] == [
        1, 1, 0]  # fmt: skip
    settled = _Figures([START, _repaid("2020-01-20"), once, again])
    assert settled.month("missed_loans_paid_ahead", "2020-02") == 1


def test_on_the_day_of_a_restructuring_the_old_schedule_falls_due() -> None:
    new = fact("restructured", "2020-02-15", schedule=monthly("2020-02-15", 24, 3_000))
    figures = _Figures([START, new, _repaid("2020-02-20", 3_000)])
    assert figures.months("instalments_due", "2020-02", "2020-03") == [1, 1]
    assert figures.months("instalments_uncovered", "2020-02", "2020-03") == [1, 1]


def test_a_pay_off_on_the_moved_due_date_covers_the_month_before() -> None:
    loan = fact("disbursed", "2020-01-05", amount_minor=500, schedule=(Instalment(day("2020-02-29"), 500),))
    figures = _Figures([loan, fact("closed", "2020-03-02")], book(calendar="WEEKENDS"))
    assert figures.months("instalments_uncovered", "2020-02") == [0]


def test_paying_arrears_from_before_the_take_on_changes_no_flow_but_the_payment() -> None:
    arrears = (Instalment(day("2020-01-05"), 10_500),)
    loan = fact("taken_on", "2020-01-10", amount_minor=60_000, arrears=arrears, schedule=monthly("2020-01-15", 3, 10_500))  # noqa: E501 # fmt: skip
    figures = _Figures([loan, _repaid("2020-01-12")])
    assert [figures.month(name, "2020-01") for name in ("instalments_due", "instalments_uncovered")] == [1, 1]


def test_payment_holiday_moves_what_is_uncovered() -> None:
    figures = _Figures([START, _repaid("2020-02-15"), fact("restructured", "2020-03-10", holiday_months=3)])
    months = ("2020-02", "2020-03", "2020-05", "2020-06", "2020-10", "2020-11")
    assert figures.months("instalments_due", *months) == [1, 0, 0, 1, 1, 0]
    assert figures.at("par30", "2020-06-30") == 0


def test_generated_schedule_of_a_restructuring_starts_from_the_principal_of_that_day() -> None:
    terms = Generated(kind="equal_principal", first_due=day("2020-04-15"), instalments=5)
    facts = [START, _repaid("2020-02-15"), fact("restructured", "2020-03-10", schedule=terms)]
    shown = view(facts, [], book(), day("2020-03-10"))
    assert shown is not None
    assert [each.amount_minor for each in shown.instalments] == [10_000] * 5


def test_principal_falls_by_the_schedules_own_share_and_never_below_zero() -> None:
    assert _Figures([START, _repaid("2020-02-15", 5_000)]).month("exposure", "2020-02") == 55_500
    assert _Figures([START, _repaid("2020-02-15", principal_minor=7)]).month("exposure", "2020-02") == 59_993
    assert _Figures([START, _repaid("2020-02-15", 99_999_999)]).month("exposure", "2020-02") == 0
    grown = _Figures([START, fact("capitalised", "2020-02-15", amount_minor=40)])
    assert grown.months("exposure", "2020-01", "2020-02") == [60_000, 60_040]


def test_recoveries_are_no_repayments() -> None:
    facts = [START, fact("charged_off", "2020-03-31"), fact("recovered", "2020-04-15", amount_minor=700),
             fact("recovery_reversed", "2020-05-15", amount_minor=200), fact("closed", "2020-06-01")]  # fmt: skip
    figures = _Figures(facts)
    assert figures.months("recovered", "2020-04", "2020-05") == [700, -200]
    assert figures.folded.anomalies == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ([START, fact("closed", "2020-03-01"), _repaid("2020-03-02")], Contradiction.AFTER_END),
        ([START, fact("charged_off", "2020-03-01"), fact("charged_off", "2020-04-01")], Contradiction.AFTER_END),
        ([START, _repaid("2020-01-09")], Contradiction.BEFORE_START),
        ([fact("closed", "2020-01-09")], Contradiction.BEFORE_START),
        ([START, fact("disbursed", "2020-01-11", amount_minor=1)], Contradiction.SECOND_START),
        ([START, fact("recovered", "2020-03-01", amount_minor=1)], Contradiction.NOT_CHARGED_OFF),
        ([START, _repaid("2020-03-01", currency="EUR")], Contradiction.OTHER_CURRENCY),
        ([START, fact("reversed", "2020-03-01", target="gone")], Contradiction.TARGET_UNKNOWN),
        ([START, fact("corrected", "2020-03-01", target="gone")], Contradiction.TARGET_UNKNOWN),
        ([START, fact("reversed", "2020-03-01", target=START.id)], Contradiction.WRONG_TARGET),
        ([START, fact("corrected", "2020-03-01", target=START.id, replacement=_repaid("2020-03-01"))],
         Contradiction.WRONG_TARGET),
        ([START, fact("restructured", "2020-03-01")], Contradiction.NO_TERMS),
    ],
)  # fmt: skip
def test_contradictions_are_reported_and_never_raise(facts: list[LoanFact], reason: Contradiction) -> None:
    assert _Figures(facts).reasons() == [reason]


def test_however_much_is_repaid_before_the_beginning_the_state_stays_small() -> None:
    early = [_repaid("2020-01-09", 1 + n % 7, id=f"e{n}", principal_minor=(None, 1)[n % 2]) for n in range(2_000)]
    waiting = fold(early, [], book()).state
    assert waiting is not None
    assert len(waiting.early) == 2
    assert sum(one.amount_minor for one in waiting.early) == sum(one.amount_minor for one in early)
    assert fold([*early, START], [], book()).state == fold([START, *early], [], book()).state


def test_corrections_in_circles_are_ignored() -> None:
    first = fact("corrected", "2020-03-01", "c1", target="c2")
    second = fact("corrected", "2020-03-01", "c2", target="c1")
    assert _Figures([START, first, second]).reasons() == [Contradiction.IN_CIRCLES] * 2


def test_a_repayment_before_the_beginning_is_applied_on_its_day() -> None:
    figures = _Figures([_repaid("2020-01-09"), START])
    assert figures.at("exposure", "2020-01-10") == 50_000
    assert figures.month("missed_loans_paid_ahead", "2020-02") == 1


def test_a_client_that_moves_takes_its_stock_along_and_past_values_stay() -> None:
    terms = book(segment_attributes=("region", "product"))
    moves = [SegmentMove(day("2019-01-01"), {"region": "TX", "product": "van"}),
             SegmentMove(day("2020-05-20"), {"region": "CA", "product": "van"})]  # fmt: skip
    own = fact("disbursed", "2020-01-10", amount_minor=60_000, attributes={"product": "car"},
               schedule=monthly("2020-02-15", 6, 10_500, 10_000))  # fmt: skip
    figures = _Figures([own], terms, moves)
    assert [figures.at("exposure", "2020-05-19", f"region={state}") for state in ("TX", "CA")] == [60_000, 0]
    assert [figures.at("exposure", "2020-05-20", f"region={state}") for state in ("TX", "CA")] == [0, 60_000]
    assert [figures.month("instalments_due", "2020-05", f"region={state}") for state in ("TX", "CA")] == [1, 0]
    assert [figures.month("missed_loans", "2020-05", f"region={state}") for state in ("TX", "CA")] == [0, 1]
    assert [figures.month("defaulted", "2020-05", f"region={state}") for state in ("TX", "CA")] == [1, 0]
    assert [figures.month("performing", "2020-05", f"region={state}") for state in ("TX", "CA")] == [1, 0]
    assert [figures.month("active_at_start", "2020-06", f"region={state}") for state in ("TX", "CA")] == [0, 1]
    assert figures.at("exposure", "2020-06-01", "product=car") == 60_000, "the loan's own attribute wins"
    assert figures.at("exposure", "2020-06-01", "product=van") == 0


def test_a_payment_after_a_move_covers_the_instalment_where_it_fell_due() -> None:
    terms = book(segment_attributes=("region",))
    moves = [SegmentMove(day("2019-01-01"), {"region": "TX"}), SegmentMove(day("2020-02-17"), {"region": "CA"})]
    before = fold([START], moves, terms)
    assert before.state is not None
    paid = advance(before.state, _repaid("2020-02-18"), terms).cells
    assert paid["region=TX", "USD", "instalments_uncovered", day("2020-02-15")] == -1
    assert paid["region=CA", "USD", "missed_loans", day("2020-02-29")] == -1


def test_a_view_before_the_first_fact_is_none() -> None:
    assert view([START], [], book(), day("2020-01-09")) is None
    shown = view([START, _repaid("2020-02-15", 12_000)], [], book(), day("2020-02-29"))
    assert shown is not None
    assert (shown.paid_minor, shown.arrears_minor, shown.oldest_due) == (12_000, 0, None)
    assert [each.paid_minor for each in shown.instalments[:3]] == [10_500, 1_500, 0]
    assert str(shown.next_due) == "2020-03-15"
    assert str(shown.maturity) == "2020-07-15"
