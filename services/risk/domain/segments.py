"""Which segments a loan or project counts in, and from which day on (D18)."""

from collections.abc import Mapping, Sequence

import msgspec

from shared.kernel.days import Day

PORTFOLIO = "portfolio"

SegmentLog = tuple[tuple[Day, tuple[str, ...]], ...]
"""(first day, segments) by rising day; the first entry holds for all days before the second."""


class SegmentMove(msgspec.Struct, frozen=True, gc=False):
    """A client's segment attributes from a day on: all of them, not the changed ones only."""

    day: Day
    attributes: dict[str, str]
