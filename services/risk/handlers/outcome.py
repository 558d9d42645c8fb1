"""What a batch comes to: cells per book, which segments changed from when on, anomalies."""

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter

from services.risk.domain.cells import Cells
from services.risk.store.counters import Cell
from services.risk.store.marks import AnomalyRow, Mark
from shared.kernel.days import Day, month_of, month_start

_SEGMENT, _DAY = itemgetter(0), itemgetter(3)


@dataclass
class Outcome:
    """Sums over the subjects of a batch."""

    cells: dict[str, defaultdict[Cell, int]] = field(default_factory=dict)
    anomalies: list[AnomalyRow] = field(default_factory=list)
    refolded: list[str] = field(default_factory=list)
    _marks: dict[tuple[str, str, Day], tuple[int, str]] = field(default_factory=dict)

    def take(self, book: str, cells: Cells, known_at_us: int, cause: str) -> None:
        """Add what one subject changed in its book.

        Its segments are marked from the start of the month of the earliest change, with the latest moment at which a
        cause of that became known: so a late fact does not date the figures of other months.
        """
        if not cells:
            return
        total = self.cells.get(book)
        if total is None:
            total = self.cells[book] = defaultdict(int)
        for key, value in cells.items():
            total[key] += value
        dirty_from = month_start(month_of(min(map(_DAY, cells))))
        for segment in set(map(_SEGMENT, cells)):
            mark = (book, segment, dirty_from)
            before = self._marks.get(mark)
            if before is None or known_at_us >= before[0]:
                self._marks[mark] = (known_at_us, cause)

    def marks(self, origin: str) -> list[Mark]:
        """Return the marks of the batch."""
        return [
            Mark(book, origin, segment, dirty_from, known_at_us, cause)
            for (book, segment, dirty_from), (known_at_us, cause) in self._marks.items()
        ]
