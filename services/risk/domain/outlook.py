"""What decides the future of a loan to which nothing more happens, and what happens in it (worked out in `ahead`).

When something will happen follows from few things, the `Outlook`, which many loans of a batch share; how much it weighs
is one loan and its principal.
"""

from collections.abc import Iterable

import msgspec

from services.risk.domain.cells import Rows
from services.risk.domain.loan_state import Standing
from shared.kernel.days import Day, Month


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """All that decides when what happens to an active loan, seen from a day in the month that it was rolled to."""

    day: Day
    month: Month
    oldest_due: Day | None
    standing: Standing
    streak: int
    restructured_until: Day
    """0 when it does not show any more on that day."""
    dpd_floor: int


class Ahead(msgspec.Struct, frozen=True, gc=False):
    """The future of one active loan: when what happens, and how much it weighs."""

    outlook: Outlook
    principal_minor: int
    start_principal_minor: int


class Coming(msgspec.Struct, frozen=True, gc=False):
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
    for one in coming:
        (count, amount), day, sign = one.measures, one.day, one.sign
        if loans:
            key = (count, day)
            rows[key] = get(key, 0) + sign * loans
        weight = start_principal_minor if one.of_start else principal_minor
        if weight:
            key = (amount, day)
            rows[key] = get(key, 0) + sign * weight
