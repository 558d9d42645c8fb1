"""`make bench`: run every benchmark once, print one table, write benchmarks/results.json."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import latency, throughput
from benchmarks.measure import Measured, slowness

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Measure, print, write."""
    console = Console()
    slow = slowness()
    measured: list[Measured] = [*throughput.measure(), *latency.measure()]
    table = Table(title=f"scaled to the reference machine; this one is {slow:.2f} times as slow now")
    for heading in ("id", "figure", "as timed", "unit", "must", "aim", "holds"):
        table.add_column(heading)
    for one in measured:
        bound = ">=" if one.more_is_better else "<="
        holds = "yes" if one.holds else "NO"
        bar = f"{bound} {one.must:g}"
        table.add_row(one.id, f"{one.figure:g}", f"{one.raw:g}", one.unit, bar, f"{one.aim:g}", holds)
    console.print(table)
    for one in measured:
        console.print(f"{one.id}, as timed: {one.beside}", soft_wrap=True)
    fields = ("id", "figure", "unit", "must", "aim", "holds")
    RESULTS.write_text(json.dumps([{field: getattr(one, field) for field in fields} for one in measured], indent=1))


if __name__ == "__main__":
    main()
