"""Pages of lists: where one ends the next begins, also when many items share a moment."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.problem import Problem
from shared.runtime.edge import cursor_at, moment_place, page_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(0, 253_402_300_799_000_000))
def test_a_moment_in_a_cursor_is_exact(micros: int) -> None:
    # By way of a float it is not for moments far ahead, such as a silence's end: what shares them would be left out.
    at = EPOCH + timedelta(microseconds=micros)
    assert moment_place(cursor_at(at, "a")) == (at, "a")


def test_a_cursor_beyond_all_time_names_its_end_and_none_names_the_start() -> None:
    assert moment_place(None) == (EPOCH, "")
    assert moment_place(None, (2**62, "")) == (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "")
    with pytest.raises(Problem):
        moment_place("not-ours")


def test_a_page_tells_where_the_next_begins() -> None:
    assert page_of(["a", "b", "c"], 2, str.upper) == (["a", "b"], "B")
    assert page_of(["a", "b"], 2, str.upper) == (["a", "b"], None)
    assert page_of([], 2, str.upper) == ([], None)
