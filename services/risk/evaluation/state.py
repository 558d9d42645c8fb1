"""What an evaluation knows of its book before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.risk.domain.book import BookTerms
from services.risk.domain.policy import InForce, PolicyVersion
from services.risk.store.books import Evaluator
from services.risk.store.marks import EVERY_SEGMENT, Mark
from shared.kernel.days import FOREVER, Day, Month, month_of


@dataclass(frozen=True)
class Dirt:
    """Which segments changed from when on, and by what."""

    marks: Sequence[Mark]
    segments: dict[str, Day] = field(init=False)
    """Segment -> first day that changed; closes, which change nothing, are left out."""
    everything_from: Day = field(init=False)

    def __post_init__(self) -> None:
        """Sum the marks up."""
        earliest: dict[str, Day] = {}
        everything = FOREVER
        for mark in self.marks:
            if mark.segment == EVERY_SEGMENT:
                everything = min(everything, mark.dirty_from)
            else:
                earliest[mark.segment] = min(mark.dirty_from, earliest.get(mark.segment, FOREVER))
        object.__setattr__(self, "segments", earliest)
        object.__setattr__(self, "everything_from", everything)

    def why(self, segment: str, day: Day) -> tuple[int, str] | None:
        """Return (known at, cause) of what last changed a segment's figures of a period that ends on a day."""
        found = [
            (mark.known_at, mark.cause)
            for mark in self.marks
            if mark.segment in (segment, EVERY_SEGMENT) and mark.dirty_from <= day
        ]
        return max(found, default=None)


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
