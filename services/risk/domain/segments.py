"""Which segments a loan or project counts in, from which day on, and placing its rows into them (D18)."""

from collections.abc import Mapping, Sequence

import msgspec

from services.risk.domain.cells import Cells, Rows
from services.risk.domain.measures import MEASURES, Kind
from shared.kernel.days import EARLIEST, Day, month_of, month_start

PORTFOLIO = "portfolio"
_KEPT_DAYS = 62
"""A fact writes rows no further back than the month before its own."""

SegmentLog = tuple[tuple[Day, tuple[str, ...]], ...]
"""(first day, segments) by rising day; the first entry holds for all days before the second."""

_COHORT = frozenset(name for name, measure in MEASURES.items() if measure.cohort)
_STEP = frozenset(name for name, measure in MEASURES.items() if measure.kind is Kind.STEP)


class SegmentMove(msgspec.Struct, frozen=True, gc=False):
    """A client's segment attributes from a day on: all of them, not the changed ones only."""

    day: Day
    attributes: dict[str, str]


def segment_log(own: Mapping[str, str], moves: Sequence[SegmentMove], names: Sequence[str]) -> SegmentLog:
    """Return the segments of a subject over time: the book's attributes `names`, the subject's own before its client's.

    What is first known of a client holds for all days before, too. Of several moves on one day the last one counts.
    """
    by_day = {move.day: move.attributes for move in sorted(moves, key=lambda move: move.day)}
    log: list[tuple[Day, tuple[str, ...]]] = []
    for day, attributes in by_day.items():
        segments = segments_of(own, attributes, names)
        if not log:
            log.append((EARLIEST, segments))
        elif segments != log[-1][1]:
            log.append((day, segments))
    return tuple(log) or ((EARLIEST, segments_of(own, {}, names)),)


def segments_of(own: Mapping[str, str], client: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the segments for attributes of a subject and its client."""
    found = ((name, own.get(name) or client.get(name)) for name in names)
    return (PORTFOLIO, *(f"{name}={value}" for name, value in found if value))


def recent(log: SegmentLog, day: Day) -> SegmentLog:
    """Return what facts from a day on still need of the log."""
    kept = len(log) - 1
    while kept > 0 and log[kept][0] > day - _KEPT_DAYS:
        kept -= 1
    return log[kept:]


def place(rows: Rows, log: SegmentLog, currency: str) -> Cells:
    """Return the rows as cells of the segments: flows in those of their day, stocks carried over at each move.

    Cohort measures keep the segments of the first day of their month. Placing is linear: the cells of a difference
    are the difference of the cells.
    """
    cells: Cells = {}
    place_into(cells, rows, log, currency)
    return {cell: value for cell, value in cells.items() if value}


def place_into(cells: Cells, rows: Rows, log: SegmentLog, currency: str) -> None:
    """Add the rows to cells; those that come to 0 stay as 0."""
    by_month = _month_starts(log) if len(log) > 1 else log
    for (measure, day), value in rows.items():
        if not value:
            continue
        if len(log) > 1:
            _place_moved(cells, (currency, measure, day, value), by_month if measure in _COHORT else log)
        else:
            for segment in log[0][1]:
                cell = (segment, currency, measure, day)
                cells[cell] = cells.get(cell, 0) + value


def _place_moved(cells: Cells, row: tuple[str, str, Day, int], log: SegmentLog) -> None:
    currency, measure, day, value = row
    index = len(log) - 1
    while index > 0 and log[index][0] > day:
        index -= 1
    held = log[index][1]
    for segment in held:
        _count(cells, (segment, currency, measure, day), value)
    if measure not in _STEP:
        return
    for moved, segments in log[index + 1 :]:
        for segment in held:
            if segment not in segments:
                _count(cells, (segment, currency, measure, moved), -value)
        for segment in segments:
            if segment not in held:
                _count(cells, (segment, currency, measure, moved), value)
        held = segments


def _count(cells: Cells, key: tuple[str, str, str, Day], value: int) -> None:
    cells[key] = cells.get(key, 0) + value


def _month_starts(log: SegmentLog) -> SegmentLog:
    """Let each move wait for the first day of a month."""
    return tuple((_month_start_from(day), segments) for day, segments in log)


def _month_start_from(day: Day) -> Day:
    start = month_start(month_of(day))
    return start if start == day else month_start(month_of(day) + 1)
