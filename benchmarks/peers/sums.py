"""What loans add to the counters: dated differences. A measure is a flow on its day, or a step from its day on.

What an active loan comes to if nothing more happens is written ahead, so a fact takes off one future of its loan and
adds another. What happens when in a future is the same for all loans of one outlook: they are summed first and written
out once. A day is a number (`date.toordinal`), a month is year * 12 + month - 1.
"""

import datetime as dt
from collections import defaultdict
from functools import lru_cache
from typing import Any

Rows = defaultdict[tuple[str, int], int]
"""(measure, day or month) -> difference."""
Outlook = tuple[int, int, int | None, int]
"""(day from which the future is asked for, its month, oldest uncovered due day, where the loan stands at the month's
start): all that decides when what happens."""

NEW, PERFORMING, DEFAULTED = range(3)
"""Where a loan stands at the start of a month: NEW when it began in it."""
_DEFAULT_DPD = 90


def no_rows() -> Rows:
    """Return rows to add to."""
    return defaultdict(int)


class Sums:
    """What some loans add: rows, and their futures by outlook."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows = no_rows()
        self._weights: dict[Outlook, list[int]] = {}

    def weigh(self, outlook: Outlook, loans: int, principal: int, start_principal: int) -> None:
        """Add the future of so many loans, with so much principal now and at the start of the month."""
        weight = self._weights.get(outlook)
        if weight is None:
            self._weights[outlook] = [loans, principal, start_principal]
        else:
            weight[0] += loans
            weight[1] += principal
            weight[2] += start_principal

    def add(self, other: "Sums", sign: int = 1) -> None:
        """Add what others came to, or take it off."""
        rows = self.rows
        for key, value in other.rows.items():
            rows[key] += sign * value
        for outlook, (loans, principal, start_principal) in other._weights.items():
            self.weigh(outlook, sign * loans, sign * principal, sign * start_principal)

    def written_out(self) -> Rows:
        """Return all of it as rows."""
        rows = self.rows.copy()
        for outlook, (loans, principal, start_principal) in self._weights.items():
            if loans or principal or start_principal:
                for count, amount, sign, of_start in _coming(*outlook):
                    rows[count] += sign * loans
                    rows[amount] += sign * (start_principal if of_start else principal)
        return rows


@lru_cache(maxsize=65_536)
def _coming(day: int, month: int, oldest_due: int | None, standing: int) -> tuple[Any, ...]:
    """Return what happens to an active loan if nothing more is told of it: (key of the number, key of the principal,
    sign, whether the principal is that of the month's start).
    """
    found: list[tuple[str, str, int, int, bool]] = [("loans", "exposure", day, 1, False)]
    at_start = "active_at_start", "active_at_start_principal"
    performing, defaulted = ("performing", "performing_principal"), ("defaulted", "defaulted_principal")
    found.append((*at_start, month_start(month + 1), 1, False))
    if oldest_due is not None:
        found += [(f"par{n}_loans", f"par{n}", max(day, oldest_due + 1 + n), 1, False) for n in (30, 60, 90)]
    if standing != DEFAULTED:
        ends = None if oldest_due is None else max(month, default_month(oldest_due))
        if ends != month:
            found.append((*performing, month_start(month + 1), 1, False))
        if ends is not None and (ends != month or standing == PERFORMING):
            found.append((*defaulted, month_end(ends), 1, ends == month))
        if ends is not None and ends != month:
            found.append((*performing, month_start(ends + 1), -1, False))
    return tuple(((count, at), (amount, at), sign, of_start) for count, amount, at, sign, of_start in found)


def default_month(oldest_due: int) -> int:
    """Return the month at whose end a loan with this oldest due day is in default."""
    return month_of(oldest_due + 1 + _DEFAULT_DPD)


@lru_cache(maxsize=65_536)
def month_of(day: int) -> int:
    """Return the month of a day."""
    date = dt.date.fromordinal(day)
    return date.year * 12 + date.month - 1


@lru_cache(maxsize=4_096)
def month_start(month: int) -> int:
    """Return the first day of a month."""
    return dt.date(month // 12, month % 12 + 1, 1).toordinal()


@lru_cache(maxsize=4_096)
def month_end(month: int) -> int:
    """Return the last day of a month."""
    return month_start(month + 1) - 1
