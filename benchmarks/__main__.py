"""`python -m benchmarks [name ...]`: run some benchmarks or all, print one table, bring benchmarks/results.json up to
date with what was measured."""

import argparse
import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, slowness
from benchmarks.registry import BENCHMARKS, measure, without_repeats

_WIDTH = 150
RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Measure, print, write."""
    asked = _arguments()
    names = without_repeats(asked.names or BENCHMARKS)
    console, began, slow = Console(width=_WIDTH), time.perf_counter(), slowness()
    measured: list[Measured] = []
    for name in names:
        console.print(f"{time.perf_counter() - began:4.0f} s  {name} ...", highlight=False)
        measured += measure(name, asked.size, asked.rounds)
    slow = (slow + slowness()) / 2
    _print(console, measured, f"{time.perf_counter() - began:.0f} s; this machine is {slow:.2f} times as slow now")
    if asked.size is None and asked.rounds is None:
        _keep(measured)
    else:
        console.print("results.json is left as it is: sizes or rounds were not the usual ones")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; none = all of them")
    parser.add_argument("--size", type=int, help="facts (or what the benchmark counts) instead of its usual number")
    parser.add_argument("--rounds", type=int, help="round-robin runs instead of the usual number")
    asked = parser.parse_args()
    if unknown := set(asked.names) - BENCHMARKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return asked


def _print(console: Console, measured: list[Measured], title: str) -> None:
    table = Table(title=title)
    for heading in ("id", "what", "figure", "as timed", "unit", "must", "aim", "holds"):
        table.add_column(heading)
    for one in measured:
        sign = ">=" if one.more_is_better else "<="
        raw = "" if one.raw is None else f"{one.raw:,g}"
        bars = (f"{sign} {one.must:,g}", f"{sign} {one.aim:,g}")
        table.add_row(one.id, one.what, f"{one.figure:,g}", raw, one.unit, *bars, "yes" if one.holds else "NO")
    console.print(table)
    for one in measured:
        if one.beside:
            beside = "; ".join(f"{name} {_short(value)}" for name, value in one.beside.items())
            console.print(f"{one.id}: {beside}", soft_wrap=True, highlight=False)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _keep(measured: list[Measured]) -> None:
    """Write the results; those of benchmarks that did not run now stay."""
    results = {one["id"]: one for one in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    results.update((one.id, one.as_result()) for one in measured)
    RESULTS.write_text(json.dumps(list(results.values()), indent=1) + "\n")


if __name__ == "__main__":
    main()
