"""What facts change, and the sum of the changes of many facts."""

from collections import defaultdict
from typing import NamedTuple

from services.risk.domain.ahead import coming
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Rows
from services.risk.domain.outlook import Ahead, Coming, Outlook, weigh
from shared.kernel.days import Day

Known = dict[Outlook, list[Coming]]
"""What happens in outlooks of one book, as far as it was worked out."""


class Change(NamedTuple):
    """What one fact changes: rows, and of a loan its future before and after the fact."""

    rows: Rows
    before: Ahead | None = None
    after: Ahead | None = None


class Total:
    """The sum of changes in one book, of subjects that are placed alike.

    Futures are summed by outlook and become rows at the end, for all loans of an outlook at once: to write out both
    futures of each fact and compare them took half of the fold (24 of 50 us per fact).
    """

    def __init__(self) -> None:
        """Nothing has changed yet."""
        self._rows: defaultdict[tuple[str, Day], int] = defaultdict(int)
        self._weights: dict[Outlook, list[int]] = {}

    def add(self, change: Change) -> None:
        """Add a change."""
        rows, before, after = change
        for key, value in rows.items():
            self._rows[key] += value
        if before != after:
            self._weigh(before, -1)
            self._weigh(after, 1)

    def _weigh(self, ahead: Ahead | None, sign: int) -> None:
        if ahead is not None:
            outlook, principal_minor, start_principal_minor = ahead
            weight = self._weights.get(outlook)
            if weight is None:
                weight = self._weights[outlook] = [0, 0, 0]
            weight[0] += sign
            weight[1] += sign * principal_minor
            weight[2] += sign * start_principal_minor

    def rows(self, terms: BookTerms, known: Known) -> Rows:
        """Return all of it as rows; what it works out of outlooks it leaves in `known`."""
        rows = dict(self._rows)
        for outlook, weight in self._weights.items():
            if any(weight):
                found = known.get(outlook)
                if found is None:
                    found = known[outlook] = coming(outlook, terms)
                weigh(rows, found, *weight)
        return rows


def first_day(change: Change, terms: BookTerms) -> Day | None:
    """Return the first day of which a change changes something; None when it changes nothing."""
    rows, before, after = change
    days = [day for (_, day), value in rows.items() if value]
    if before != after:
        either = before or after
        if before and after and before.principal_minor == after.principal_minor:
            total = Total()
            total.add(Change({}, before, after))
            days += [day for (_, day), value in total.rows(terms, {}).items() if value]
        elif either:
            # The stock changes from the fact's own day on, and a future has nothing earlier.
            days.append(either.outlook.day)
    return min(days, default=None)
