"""What a batch comes to: cells per book, which segments changed from when on, anomalies."""

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from services.risk.domain.cells import Cells, Rows
from services.risk.domain.loan_state import Cure
from services.risk.domain.segments import SegmentLog, place
from services.risk.store.counters import Cell
from services.risk.store.marks import AnomalyRow, Mark
from shared.kernel.days import Day, month_of, month_start

_SEGMENT, _CELL_DAY, _ROW_DAY = itemgetter(0), itemgetter(3), itemgetter(1)

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


@dataclass
class Outcome:
    """Sums over the subjects of a batch. What is marked: a segment from the start of the month of the earliest change,
    with the latest moment at which a cause of that became known; so a late fact does not date other months' figures.
    """

    cells: dict[str, defaultdict[Cell, int]] = field(default_factory=dict)
    anomalies: list[AnomalyRow] = field(default_factory=list)
    refolded: list[str] = field(default_factory=list)
    cures: list[CureFound] = field(default_factory=list)
    _rows: dict[Group, defaultdict[tuple[str, Day], int]] = field(default_factory=dict)
    _groups: dict[tuple[Group, Day], Why] = field(default_factory=dict)
    _segments: dict[tuple[str, str, Day], Why] = field(default_factory=dict)

    def take_rows(self, group: Group, rows: Rows, why: Why) -> None:
        """Add what one subject changed; it is placed into cells once for its whole group, by `settle`."""
        changed = {key: value for key, value in rows.items() if value}
        if not changed:
            return
        total = self._rows.get(group)
        if total is None:
            total = self._rows[group] = defaultdict(int)
        for key, value in changed.items():
            total[key] += value
        mark = (group, _dirty_from(min(map(_ROW_DAY, changed))))
        self._groups[mark] = max(why, self._groups.get(mark, why))

    def take_cells(self, book: str, cells: Cells, why: Why) -> None:
        """Add what one subject changed."""
        if not cells:
            return
        total = self.cells.setdefault(book, defaultdict(int))
        for cell, value in cells.items():
            total[cell] += value
        self._mark(book, set(map(_SEGMENT, cells)), _dirty_from(min(map(_CELL_DAY, cells))), why)

    def settle(self) -> None:
        """Place what was taken as rows."""
        for (book, log, currency), rows in self._rows.items():
            total = self.cells.setdefault(book, defaultdict(int))
            for cell, value in place(rows, log, currency).items():
                total[cell] += value
        for ((book, log, _), dirty_from), why in self._groups.items():
            self._mark(book, {segment for _, segments in log for segment in segments}, dirty_from, why)
        self._rows.clear()
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
