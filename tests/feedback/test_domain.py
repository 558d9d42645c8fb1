"""Feedback's decisions from values alone: who is asked and why not, what a form says, what answers come to."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feedback.domain.answer import Answer, read_answer
from services.feedback.domain.occasion import Invitation, Rules, Skipped, Standing, Times, decide, ready_on
from services.feedback.domain.results import NOTHING, Sums
from services.feedback.domain.texts import Wrong, shown_again, tidy, wrong_with
from services.feedback.domain.verdict import Said, read_remark, read_verdict, request_id

RULES = Rules(spacing_days=90, age_days=14, open_days=10, history=False)
D = 738_000
"""Some day."""


def standing(consent: bool = True, reachable: bool = True, invited_on: Sequence[int] = ()) -> Standing:
    return Standing(consent, reachable, invited_on)


@pytest.mark.parametrize(
    ("times", "closed_on", "today", "who", "rules", "decision"),
    [
        # It happened, was known, and its day was closed.
        (Times(D, D), D, D + 1, standing(), RULES, Invitation(D + 1, D + 11)),
        # The close covers a fortnight, or one day more.
        (Times(D, D), D + 14, D + 15, standing(), RULES, Invitation(D + 15, D + 25)),
        (Times(D, D), D + 15, D + 15, standing(), RULES, Skipped.TOO_OLD),
        # The lender knew it two weeks later, or one day more.
        (Times(D, D + 14), D + 14, D + 15, standing(), RULES, Invitation(D + 15, D + 25)),
        (Times(D, D + 15), D, D + 16, standing(), RULES, Skipped.TOO_OLD),
        # Known beforehand.
        (Times(D, D - 60), D, D + 1, standing(), RULES, Invitation(D + 1, D + 11)),
        # A replay of the past: fresh on the book's days, which lie behind the calendar.
        (Times(D, D), D, D + 14, standing(), RULES, Invitation(D + 1, D + 11)),
        (Times(D, D), D, D + 15, standing(), RULES, Skipped.HISTORY),
        (Times(D, D), D, D + 2_000, standing(), RULES, Skipped.HISTORY),
        (Times(D, D), D, D + 2_000, standing(), RULES._replace(history=True), Invitation(D + 1, D + 11)),
        (Times(D, D), D + 15, D + 2_000, standing(), RULES._replace(history=True), Skipped.TOO_OLD),
        # Who may not be asked.
        (Times(D, D), D, D + 1, standing(consent=False), RULES, Skipped.NO_CONSENT),
        (Times(D, D), D, D + 1, standing(reachable=False), RULES, Skipped.NO_ADDRESS),
        (Times(D, D), D, D + 1, standing(consent=False, reachable=False), RULES, Skipped.NO_CONSENT),
        # Who was asked already.
        (Times(D, D), D, D + 1, standing(invited_on=[D + 1]), RULES, Skipped.TOO_SOON),
        (Times(D, D), D, D + 1, standing(invited_on=[D - 88]), RULES, Skipped.TOO_SOON),
        (Times(D, D), D, D + 1, standing(invited_on=[D - 89]), RULES, Invitation(D + 1, D + 11)),
        (Times(D, D), D, D + 1, standing(invited_on=[D - 500, D + 90]), RULES, Skipped.TOO_SOON),
        (Times(D, D), D, D + 1, standing(invited_on=[D - 500, D + 91]), RULES, Invitation(D + 1, D + 11)),
    ],
)
def test_who_is_invited_and_why_not(
    times: Times, closed_on: int, today: int, who: Standing, rules: Rules, decision: Invitation | Skipped
) -> None:
    assert decide(times, closed_on, today, who, rules) == decision


@pytest.mark.parametrize(
    ("times", "day"),
    [(Times(D, D), D), (Times(D, D - 5), D), (Times(D, D + 14), D + 14), (Times(D, D + 15), D)],
)
def test_an_occasion_waits_until_it_was_true_and_known_unless_that_comes_to_nothing(times: Times, day: int) -> None:
    assert ready_on(times, RULES) == day


@given(
    st.lists(st.tuples(st.integers(D, D + 300), st.integers(0, 20)), max_size=30),
    st.integers(1, 120),
    st.integers(0, 30),
)
def test_no_client_is_asked_twice_within_the_spacing_and_never_late(
    occasions: list[tuple[int, int]], spacing: int, age: int
) -> None:
    rules = Rules(spacing, age, 10, history=True)
    invited: list[int] = []
    for value_date, late in occasions:
        times = Times(value_date, value_date + late)
        decision = decide(times, ready_on(times, rules), D, standing(invited_on=invited), rules)
        if isinstance(decision, Invitation):
            assert 1 <= decision.invited_on - value_date <= age + 1
            assert all(abs(decision.invited_on - before) >= spacing for before in invited)
            invited.append(decision.invited_on)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"csat": ["5"], "nps": ["0"], "text": [" a\r\nb "]}, Answer(5, 0, "a\nb")),
        ({"csat": ["", "3"]}, Answer(3, None, "")),
        ({"nps": ["10", "10"]}, Answer(None, 10, "")),
        ({"other": ["x"], "text": ["x" * 2_000]}, Answer(None, None, "x" * 2_000)),
        ({}, {"": Wrong.NOTHING}),
        ({"csat": ["0"], "nps": ["11"]}, {"csat": Wrong.NOT_CHOSEN, "nps": Wrong.NOT_CHOSEN}),
        ({"csat": ["1", "2"], "text": ["\x00"]}, {"csat": Wrong.NOT_CHOSEN, "text": Wrong.CONTROL}),
        ({"nps": ["１"]}, {"nps": Wrong.NOT_CHOSEN}),
        ({"text": ["x" * 2_001]}, {"text": Wrong.TOO_LONG}),
    ],
)
def test_what_a_clients_form_says(form: dict[str, list[str]], said: Any) -> None:
    assert read_answer(form) == said


@given(st.dictionaries(st.sampled_from(["csat", "nps", "text", "x"]), st.lists(st.text(), max_size=3)))
def test_no_form_breaks_and_what_is_accepted_can_be_kept(form: dict[str, list[str]]) -> None:
    said = read_answer(form)
    if isinstance(said, Answer):
        assert said.csat in (None, 1, 2, 3, 4, 5)
        assert said.nps in (None, *range(11))
        assert wrong_with(said.text, 2_000) is None
        assert said != Answer(None, None, "")
    else:
        assert said


@given(st.text())
def test_what_is_shown_again_has_no_control_characters_and_stays_the_same_when_sent_again(typed: str) -> None:
    again = shown_again(typed)
    assert wrong_with(again, len(again)) is None
    assert tidy(again) == again.strip()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"verdict": ["true"]}, Said("true", "", "")),
        ({"verdict": ["unclear"], "outcome": ["watched"], "comment": [" x "]}, Said("unclear", "watched", "x")),
        ({}, {"verdict": Wrong.NOT_CHOSEN}),
        ({"verdict": ["True"], "outcome": ["a"]}, {"verdict": Wrong.NOT_CHOSEN, "outcome": Wrong.NOT_CHOSEN}),
        ({"verdict": ["true", "x"]}, {"verdict": Wrong.NOT_CHOSEN}),
        ({"verdict": ["true"], "outcome": ["none", "watched"]}, {"outcome": Wrong.NOT_CHOSEN}),
        ({"verdict": ["true"], "comment": ["x" * 1_001]}, {"comment": Wrong.TOO_LONG}),
    ],
)
def test_what_an_officers_form_says(form: dict[str, list[str]], said: Any) -> None:
    assert read_verdict(form) == said


def test_the_same_verdict_is_the_same_request_everywhere() -> None:
    assert request_id("a", "b", 1) == request_id("a", "b", 1)
    others = [("a", "b", 2), ("a", "c", 1), ("c", "b", 1)]
    assert len({request_id("a", "b", 1), *(request_id(*one) for one in others)}) == 4


def test_what_answers_come_to() -> None:
    # Ten invited, six answered: ratings 5, 4, 4, 2 and recommendations 10, 9, 8, 3.
    sums = Sums(4, 2, 2, 9, 2, 2, 2, 0).plus((6, 4, 2, 6, 1, 2, 0, 1))
    assert sums.response_rate == 0.6
    assert (sums.csat, sums.csat_mean) == (0.75, 3.75)
    assert sums.nps == 25.0
    assert (NOTHING.response_rate, NOTHING.csat, NOTHING.csat_mean, NOTHING.nps) == (None, None, None, None)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200b", "\u200d \ufeff\u2028"])
def test_what_cannot_be_seen_says_nothing(text: str) -> None:
    assert read_remark({"text": [text]}) == {"text": Wrong.NOTHING}
    assert read_answer({"text": [text]}) == {"": Wrong.NOTHING}
    assert read_remark({"text": [f"{text}好"]}) == tidy(f"{text}好")
