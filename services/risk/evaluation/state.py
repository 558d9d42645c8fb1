"""What an evaluation knows of its book before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.risk.domain.book import BookTerms
from services.risk.domain.policy import InForce, PolicyVersion
from services.risk.store.books import Evaluator
from services.risk.store.marks import EVERY_SEGMENT, Mark
from shared.kernel.days import FOREVER, Day, Month, month_of


class Dirt:
    """Which segments changed from when on, and by what."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        """Sum the marks up; closes, which change nothing, have no day that is dirty."""
        self.segments: dict[str, Day] = {}
        """Segment -> first day that changed."""
        self.everything_from: Day = FOREVER
        """First day from which every segment may have changed."""
        self.policies: list[int] = []
        """When policies became known that were applied."""
        self.origins = [mark.traceparent for mark in marks]
        """The traces of what made the marks."""
        self._by_segment: dict[str, list[Mark]] = {}
        for mark in marks:
            self._by_segment.setdefault(mark.segment, []).append(mark)
            if mark.segment == EVERY_SEGMENT:
                self.everything_from = min(mark.dirty_from, self.everything_from)
            else:
                self.segments[mark.segment] = min(mark.dirty_from, self.segments.get(mark.segment, FOREVER))
            if mark.cause == "policy":
                self.policies.append(mark.known_at)

    @property
    def everywhere(self) -> bool:
        """Tell whether every segment may have changed."""
        return self.everything_from < FOREVER

    def why(self, segment: str, day: Day) -> tuple[int, str] | None:
        """Return (known at, cause) of what last changed a segment's figures of a period that ends on a day."""
        found = [(mark.known_at, mark.cause) for mark in self._marks_on(segment) if mark.dirty_from <= day]
        return max(found, default=None)

    def origin(self, segment: str, day: Day) -> str:
        """Return the trace of what last changed a segment in a period that ends on a day, or else closed it."""
        found = [(mark.dirty_from <= day, mark.known_at, mark.traceparent) for mark in self._marks_on(segment)]
        return max(found, default=(False, 0, ""))[2]

    def _marks_on(self, segment: str) -> list[Mark]:
        return [mark for name in (segment, EVERY_SEGMENT) for mark in self._by_segment.get(name, ())]


@dataclass(frozen=True)
class Task:
    """One book as its evaluator finds it."""

    book: str
    terms: BookTerms
    evaluator: Evaluator
    closed_through: Day
    final_month: Month
    """Last month that is final now; `evaluator.final_month` is the last that was published before."""
    dirt: Dirt
    segments: list[str]
    """Those to look at: all of the book's when days were closed or every segment is marked, else the marked ones."""
    history: Sequence[PolicyVersion]
    now_us: int

    @property
    def first_month(self) -> Month:
        """The book's first month."""
        return month_of(self.terms.first_day)

    @property
    def open_day(self) -> Day:
        """The business day that is open."""
        return self.closed_through + 1

    @property
    def rules(self) -> list[InForce]:
        """Every rule that any version of any policy ever had for this book."""
        return [
            InForce(version.policy.name, version.version, rule)
            for version in self.history
            for rule in version.policy.rules
            if rule.book == self.book
        ]
