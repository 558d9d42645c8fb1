"""What a batch comes to: cells per book, which segments changed from when on, anomalies."""

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells, add
from services.risk.domain.change import Change, Known, Placeable, Total, first_day
from services.risk.domain.loan_state import Cure
from services.risk.domain.segments import SegmentLog, place_into
from services.risk.store.marks import AnomalyRow, Mark
from shared.kernel.days import Day, month_of, month_start

_SEGMENT, _CELL_DAY = itemgetter(0), itemgetter(3)

Group = tuple[str, SegmentLog, str]
"""(book, segments over time, currency): subjects that count in the same cells."""
Why = tuple[int, str, str]
"""(known at, cause, traceparent) of what changed figures."""


class CureFound(NamedTuple):
    """A cure of arrears that the fold came upon; the world may have been told of it."""

    subject: str
    book: str
    client: str
    loan: str
    cure: Cure
    known_at_us: int
    """When the lender knew what makes it one."""
    origin: str
    """The trace in which it came to light."""


class _Sum(NamedTuple):
    """What the subjects of one group changed, and by first day of the month why."""

    total: Total
    marks: dict[Day, Why]


@dataclass
class Outcome:
    """Sums over the subjects of a batch. What is marked: a segment from the start of the month of the earliest change,
    with the latest moment at which a cause of that became known; so a late fact does not date other months' figures.
    """

    cells: dict[str, Cells] = field(default_factory=dict)
    anomalies: list[AnomalyRow] = field(default_factory=list)
    refolded: list[str] = field(default_factory=list)
    cures: list[CureFound] = field(default_factory=list)
    _groups: dict[Group, "_Sum"] = field(default_factory=dict)
    _known: defaultdict[str, Known] = field(default_factory=lambda: defaultdict(dict))
    _segments: dict[tuple[str, str, Day], Why] = field(default_factory=dict)

    def take_change(self, terms: BookTerms, log: SegmentLog, currency: str, change: Change, why: Why) -> None:
        """Add what one fact changed; it is placed into cells once for its whole group, by `settle`."""
        day = first_day(change, terms, self._known[terms.book])
        if day is not None:
            self._sum(terms, (terms.book, log, currency), day, why).total.add(change)

    def take_difference(self, terms: BookTerms, before: Placeable | None, after: Placeable, why: Why) -> None:
        """Add what a subject adds now and take off what it added before."""
        if before is not None and before[1:] != after[1:]:
            cells = after.cells()
            add(cells, before.cells(), -1)
            self._take_cells(terms.book, cells, why)
            return
        total = after.total
        if before is not None:
            total.merge(before.total, -1)
        day = total.first_day(self._known[terms.book])
        if day is not None:
            self._sum(terms, (terms.book, *after[1:]), day, why).total.merge(total)

    def _sum(self, terms: BookTerms, group: Group, day: Day, why: Why) -> "_Sum":
        """Return the sum of a group, marked from a day on."""
        taken = self._groups.get(group)
        if taken is None:
            taken = self._groups[group] = _Sum(Total(terms), {})
        dirty_from = _dirty_from(day)
        taken.marks[dirty_from] = max(why, taken.marks.get(dirty_from, why))
        return taken

    def _take_cells(self, book: str, cells: Cells, why: Why) -> None:
        if not cells:
            return
        add(self.cells.setdefault(book, {}), cells)
        self._mark(book, set(map(_SEGMENT, cells)), _dirty_from(min(map(_CELL_DAY, cells))), why)

    def settle(self) -> None:
        """Place what was taken and not placed yet."""
        for (book, log, currency), (changed, marks) in self._groups.items():
            place_into(self.cells.setdefault(book, {}), changed.rows(self._known[book]), log, currency)
            touched = {segment for _, segments in log for segment in segments}
            for dirty_from, why in marks.items():
                self._mark(book, touched, dirty_from, why)
        self._groups.clear()

    def marks(self, origin: str) -> list[Mark]:
        """Return the marks of the batch."""
        return [
            Mark(book, origin, segment, dirty_from, *why) for (book, segment, dirty_from), why in self._segments.items()
        ]

    def _mark(self, book: str, segments: set[str], dirty_from: Day, why: Why) -> None:
        for segment in segments:
            mark = (book, segment, dirty_from)
            self._segments[mark] = max(why, self._segments.get(mark, why))


def _dirty_from(day: Day) -> Day:
    return month_start(month_of(day))
