"""Cures of arrears: by a repayment, once per spell, against a loan that is lived through day by day."""

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from services.risk.domain.book import BookTerms
from services.risk.domain.loan import fold
from services.risk.domain.loan_facts import LoanFact
from services.risk.domain.loan_state import Cure
from services.risk.domain.schedule import Instalment
from shared.kernel.days import date_of
from tests.risk import oracle
from tests.risk.loans import FIRST, book, books, day, fact, late_lives, lives, monthly

TERMS = book()
UNTIL = FIRST + 700
LOAN = fact("disbursed", "2020-01-01", amount_minor=1_200, schedule=monthly("2020-02-15", 12, 100))


def paid(on: str, amount: int = 100, id: str = "") -> LoanFact:
    return fact("repaid", on, id=id or f"{on} {amount}", amount_minor=amount)


def cures(*facts: LoanFact, terms: BookTerms = TERMS) -> list[tuple[str, str, int]]:
    found = fold([LOAN, *facts], [], terms).cures
    return [(date_of(cure.since).isoformat(), date_of(cure.cured_on).isoformat(), cure.days_past_due) for cure in found]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([], []),
        ([paid("2020-02-15")], []),
        ([paid("2020-02-16")], []),
        ([paid("2020-02-17")], [("2020-02-16", "2020-02-17", 1)]),
        ([paid("2020-03-10")], [("2020-02-16", "2020-03-10", 23)]),
        ([paid("2020-03-10", 50), paid("2020-03-12", 50)], [("2020-02-16", "2020-03-12", 25)]),
        ([paid("2020-03-10", 50), paid("2020-03-10", 51)], [("2020-02-16", "2020-03-10", 23)]),
        # The second instalment is past due by then, so the first payment cures nothing.
        ([paid("2020-03-20"), paid("2020-03-25")], [("2020-02-16", "2020-03-25", 9)]),
        ([paid("2020-03-20", 200), paid("2020-03-20", 7)], [("2020-02-16", "2020-03-20", 33)]),
        ([paid("2020-03-10"), paid("2020-04-01")],
         [("2020-02-16", "2020-03-10", 23), ("2020-03-16", "2020-04-01", 16)]),
        ([fact("closed", "2020-03-10")], []),
        ([fact("charged_off", "2020-03-10")], []),
        ([paid("2020-03-10"), fact("closed", "2020-03-10")], [("2020-02-16", "2020-03-10", 23)]),
        ([fact("restructured", "2020-03-01", holiday_months=6), paid("2020-03-10")], []),
        ([paid("2020-03-10", id="p"), fact("reversed", "2020-03-20", target="p")], []),
    ],
)  # fmt: skip
def test_a_cure_is_a_repayment_after_which_nothing_is_past_due(
    facts: list[LoanFact], found: list[tuple[str, str, int]]
) -> None:
    assert cures(*facts) == found


def test_the_books_calendar_and_day_count_decide_when_a_loan_is_late() -> None:
    # 2020-02-15 is a Saturday: the due date moves to Monday, or Tuesday after Presidents' Day in the US.
    weekends, us = book(calendar="WEEKENDS"), book(calendar="US")
    assert cures(paid("2020-02-18"), terms=weekends) == []
    assert cures(paid("2020-02-19"), terms=weekends) == [("2020-02-18", "2020-02-19", 1)]
    assert cures(paid("2020-02-19"), terms=us) == []
    assert cures(paid("2020-02-16"), terms=book(dpd_offset=1)) == [("2020-02-15", "2020-02-16", 1)]


def test_arrears_that_were_taken_on_are_cured_from_the_next_day_on() -> None:
    arrears = (Instalment(day("2020-01-01"), 100),)
    taken_on = fact("taken_on", "2020-02-01", amount_minor=1_200, schedule=monthly("2020-03-01", 11, 100),
                    arrears=arrears)  # fmt: skip
    assert fold([taken_on, paid("2020-02-01")], [], TERMS).cures == []
    (cure,) = fold([taken_on, paid("2020-02-02")], [], TERMS).cures
    assert cure[:3] == (day("2020-02-01"), day("2020-02-02"), 31)


def slow(facts: list[LoanFact], terms: BookTerms) -> list[Cure]:
    """Close by close."""
    loan, since, found = oracle.Loan(terms), 0, []
    todo = oracle.effective_facts(facts)

    def is_late(on: int) -> bool:
        return loan.status == "active" and loan.dpd(on) > 0

    for today in range(todo[0].day if todo else UNTIL, UNTIL):
        past_due = loan.dpd(today - 1) if loan.status == "active" else 0
        since = (since or today - 1) if is_late(today - 1) else 0
        for each in (one for one in todo if one.day == today):
            late = is_late(today)
            if each.kind in ("disbursed", "taken_on") and loan.status == "none":
                oracle._start(loan, each)
            oracle._apply(loan, each)
            if late and each.kind == "repaid" and loan.status == "active" and not is_late(today) and since:
                found.append(Cure(since, today, past_due, each.known_at_us))
                since = 0
            elif not is_late(today):
                since = 0
    return found


@settings(max_examples=200, deadline=None)
@given(facts=st.one_of(lives(), late_lives(), late_lives()), terms=books(), seed=st.randoms(use_true_random=False))
def test_cures_are_those_of_a_loan_lived_day_by_day(facts, terms, seed):  # type: ignore[no-untyped-def]
    shuffled = list(facts)
    seed.shuffle(shuffled)
    note(oracle.describe(facts))
    folded = fold(shuffled, [], terms)
    assert [cure for cure in folded.cures if cure.cured_on < UNTIL] == slow(facts, terms)
    last = folded.state.cured if folded.state else None
    assert last == (folded.cures[-1] if folded.cures else None)
