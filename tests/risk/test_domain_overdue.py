"""Which working days of a book should be closed by now."""

from datetime import UTC, datetime

import pytest

from services.risk.domain.overdue import DAYS_MAX, Closing, overdue_days
from shared.kernel.days import parse_day


@pytest.mark.parametrize(
    ("closed_through", "now", "overdue"),
    [
        ("2024-03-07", "2024-03-08T23:00", 0),  # Friday goes on
        ("2024-03-07", "2024-03-11T10:59", 0),  # it is to be closed by Monday noon in Berlin
        ("2024-03-07", "2024-03-11T11:00", 1),
        ("2024-03-08", "2024-03-12T10:59", 0),  # the weekend needs no close of its own
        ("2024-03-08", "2024-03-12T11:00", 1),
        ("2024-03-10", "2024-03-12T11:00", 1),
        ("2024-03-11", "2024-03-12T11:00", 0),
        ("2024-03-27", "2024-04-02T09:59", 0),  # Maundy Thursday, by noon of the Tuesday after Easter, in summer time
        ("2024-03-27", "2024-04-02T10:00", 1),
        ("2024-06-30", "2024-03-12T11:00", 0),  # replayed ahead of the clock
        ("1999-12-31", "2024-03-12T11:00", 277),  # of 400 days: 286 from Monday to Friday, 9 of them holidays
    ],
)
def test_a_working_day_is_overdue_from_an_hour_of_the_next_one_on(closed_through: str, now: str, overdue: int) -> None:
    closing = Closing(parse_day(closed_through), "DE", "Europe/Berlin")
    assert overdue_days(closing, datetime.fromisoformat(now).replace(tzinfo=UTC), 12) == overdue


def test_a_book_without_holidays_counts_every_day_and_no_more_than_a_bound() -> None:
    closing = Closing(parse_day("2000-01-01"), "EVERY_DAY", "UTC")
    assert overdue_days(closing, datetime(2024, 1, 1, tzinfo=UTC), 0) == DAYS_MAX
