"""What a batch comes to: cells per book, which segments changed from when on, anomalies."""

from dataclasses import dataclass, field

from services.risk.domain.cells import Cells
from services.risk.store.marks import AnomalyRow, Mark
from shared.kernel.days import Day, month_of, month_start


@dataclass
class Outcome:
    """Sums over the subjects of a batch."""

    cells: dict[str, Cells] = field(default_factory=dict)
    anomalies: list[AnomalyRow] = field(default_factory=list)
    refolded: list[str] = field(default_factory=list)
    _marks: dict[tuple[str, str, Day], tuple[int, str]] = field(default_factory=dict)

    def take(self, book: str, cells: Cells, known_at_us: int, cause: str) -> None:
        """Add what one subject changed in its book.

        A segment is marked from the start of the month of its earliest change, with the latest moment at which a
        cause of that became known: so a late fact does not date the figures of other months.
        """
        total = self.cells.setdefault(book, {})
        earliest: dict[str, Day] = {}
        for key, value in cells.items():
            total[key] = total.get(key, 0) + value
            segment, day = key[0], key[3]
            if day < earliest.get(segment, day + 1):
                earliest[segment] = day
        for segment, day in earliest.items():
            mark = (book, segment, month_start(month_of(day)))
            before = self._marks.get(mark)
            if before is None or known_at_us >= before[0]:
                self._marks[mark] = (known_at_us, cause)

    def marks(self, origin: str) -> list[Mark]:
        """Return the marks of the batch."""
        return [
            Mark(book, origin, segment, dirty_from, known_at_us, cause)
            for (book, segment, dirty_from), (known_at_us, cause) in self._marks.items()
        ]
