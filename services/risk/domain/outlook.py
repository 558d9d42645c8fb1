"""What decides the future of a loan to which nothing more happens, and what happens in it (worked out in `ahead`).

When something will happen follows from few things, the `Outlook`, which many loans of a batch share; how much it weighs
is one loan and its principal.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.risk.domain.cells import Rows
from services.risk.domain.loan_state import Standing
from shared.kernel.days import Day, Month


class Outlook(NamedTuple):
    """All that decides when what happens to an active loan, seen from a day in the month that it was rolled to."""

    day: Day
    month: Month
    oldest_due: Day | None
    standing: Standing
    streak: int
    restructured_until: Day
    """0 when it does not show any more on that day."""
    dpd_floor: int


class Ahead(NamedTuple):
    """The future of one active loan: when what happens, and how much it weighs."""

    outlook: Outlook
    principal_minor: int
    start_principal_minor: int


class Coming(NamedTuple):
    """One thing that happens in a future: so much to the number of loans and to their principal."""

    measures: tuple[str, str]
    """Of the number, of the principal."""
    day: Day
    sign: int = 1
    of_start: bool = False
    """Whether the principal is that of the start of the month."""


def weigh(rows: Rows, coming: Iterable[Coming], loans: int, principal_minor: int, start_principal_minor: int) -> None:
    """Add to rows what happens to so many loans of one outlook with so much principal in all."""
    get = rows.get
    for (count, amount), day, sign, of_start in coming:
        rows[count, day] = get((count, day), 0) + sign * loans
        rows[amount, day] = get((amount, day), 0) + sign * (start_principal_minor if of_start else principal_minor)
