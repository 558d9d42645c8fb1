"""Cells: what a subject adds to the counters of its book (D4, D5)."""

from shared.kernel.days import Day

Cells = dict[tuple[str, str, str, Day], int]
"""(segment, currency, measure, day) -> value; segment `portfolio` or `attribute=value`; currency "" for projects."""

Rows = dict[tuple[str, Day], int]
"""(measure, day) -> value of one subject, before it is placed into segments."""


def add(cells: Cells, other: Cells, sign: int = 1) -> None:
    """Add the other cells (or take them off with sign -1) in place; cells that come to 0 are dropped."""
    for key, value in other.items():
        total = cells.get(key, 0) + sign * value
        if total:
            cells[key] = total
        else:
            cells.pop(key, None)


def add_rows(rows: Rows, other: Rows, sign: int = 1) -> None:
    """Add the other rows (or take them off with sign -1) in place; rows that come to 0 stay as 0."""
    get = rows.get
    for key, value in other.items():
        rows[key] = get(key, 0) + sign * value
