"""What answers come to: shares of invitations and answers, the net promoter score."""

from collections.abc import Iterable
from typing import NamedTuple


class Sums(NamedTuple):
    """Counts over some invitations."""

    invited: int
    answered: int
    csat_given: int
    csat_sum: int
    satisfied: int
    nps_given: int
    promoters: int
    detractors: int

    def plus(self, other: Iterable[int]) -> "Sums":
        """Return both together."""
        return Sums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def response_rate(self) -> float | None:
        """Return answers over invitations."""
        return _share(self.answered, self.invited)

    @property
    def csat(self) -> float | None:
        """Return the share of 4 and 5 among the ratings given."""
        return _share(self.satisfied, self.csat_given)

    @property
    def csat_mean(self) -> float | None:
        """Return the mean rating, from 1 to 5."""
        return _share(self.csat_sum, self.csat_given)

    @property
    def nps(self) -> float | None:
        """Return the net promoter score, from -100 to 100: promoters (9, 10) less detractors (0 to 6), in percent."""
        share = _share(self.promoters - self.detractors, self.nps_given)
        return None if share is None else share * 100


NOTHING = Sums(0, 0, 0, 0, 0, 0, 0, 0)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
