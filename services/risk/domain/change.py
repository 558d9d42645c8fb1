"""What facts change, and the sum of the changes of many facts."""

from collections import defaultdict
from operator import itemgetter
from typing import NamedTuple

import msgspec

from services.risk.domain.ahead import coming
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, Rows
from services.risk.domain.outlook import Ahead, Coming, Outlook, weigh
from services.risk.domain.segments import SegmentLog, place
from shared.kernel.days import FOREVER, Day

Known = dict[Outlook, list[Coming]]
"""What happens in outlooks of one book, as far as it was worked out."""

_ROW_DAY = itemgetter(1)


class Change(msgspec.Struct, frozen=True, gc=False):
    """What one fact changes: rows, and of a loan its future before and after the fact."""

    rows: Rows
    before: Ahead | None = None
    after: Ahead | None = None


class Total:
    """The sum of changes in one book, of subjects that are placed alike.

    Futures are summed by outlook and become rows at the end, for all loans of an outlook at once: to write out both
    futures of each fact and compare them took half of the fold (24 of 50 us per fact).
    """

    def __init__(self, terms: BookTerms) -> None:
        """Nothing has changed yet."""
        self._terms = terms
        self._rows: defaultdict[tuple[str, Day], int] = defaultdict(int)
        self._weights: dict[Outlook, list[int]] = {}

    def add(self, change: Change) -> None:
        """Add a change."""
        self._add_rows(change.rows, 1)
        before, after = change.before, change.after
        if before != after:
            if before is not None:
                self._weigh(before.outlook, -1, -before.principal_minor, -before.start_principal_minor)
            if after is not None:
                self._weigh(after.outlook, 1, after.principal_minor, after.start_principal_minor)

    def merge(self, other: "Total", sign: int = 1) -> None:
        """Add another sum (or take it off with sign -1)."""
        self._add_rows(other._rows, sign)
        for outlook, (loans, principal_minor, start_principal_minor) in other._weights.items():
            self._weigh(outlook, sign * loans, sign * principal_minor, sign * start_principal_minor)

    def _add_rows(self, rows: Rows, sign: int) -> None:
        if sign == 1 and not self._rows:
            # A loan that begins has hundreds of rows.
            self._rows.update(rows)
            return
        for key, value in rows.items():
            self._rows[key] += sign * value

    def _weigh(self, outlook: Outlook, loans: int, principal_minor: int, start_principal_minor: int) -> None:
        weight = self._weights.get(outlook)
        if weight is None:
            self._weights[outlook] = [loans, principal_minor, start_principal_minor]
        else:
            weight[0] += loans
            weight[1] += principal_minor
            weight[2] += start_principal_minor

    def rows(self, known: Known | None = None) -> Rows:
        """Return all of it as rows; what it works out of outlooks it leaves in `known`, which is of this book."""
        known = {} if known is None else known
        rows = dict(self._rows)
        for outlook, weight in self._weights.items():
            if any(weight):
                found = known.get(outlook)
                if found is None:
                    found = known[outlook] = coming(outlook, self._terms)
                weigh(rows, found, *weight)
        return rows

    def first_day(self, known: Known) -> Day | None:
        """Return the first day of which something changes; None when nothing does."""
        begins = min((outlook.day for outlook, weight in self._weights.items() if any(weight)), default=FOREVER)
        starting = [weight for outlook, weight in self._weights.items() if outlook.day == begins]
        loans, principal_minor = sum(weight[0] for weight in starting), sum(weight[1] for weight in starting)
        if (loans or principal_minor) and min(map(_ROW_DAY, self._rows), default=begins) >= begins:
            # The stock changes on that day, and a future has nothing earlier: no need to write it out.
            return begins
        return min((day for (_, day), value in self.rows(known).items() if value), default=None)


def first_day(change: Change, terms: BookTerms, known: Known) -> Day | None:
    """Return the first day of which a change changes something; None when it changes nothing."""
    rows, before, after = change.rows, change.before, change.after
    either = before or after
    if either and (before is None or after is None or before.principal_minor != after.principal_minor):
        # The stock changes from the fact's own day on, and a future has nothing earlier: no need to write it out.
        first = either.outlook.day
        for (_, day), value in rows.items():
            if day < first and value:
                first = day
        return first
    total = Total(terms)
    total.add(change)
    return total.first_day(known)


class Placeable(NamedTuple):
    """What all facts of a subject add to the counters, and where it belongs."""

    total: Total
    log: SegmentLog = ()
    currency: str = ""

    def cells(self) -> Cells:
        """Return it as cells."""
        return place(self.total.rows(), self.log, self.currency)
