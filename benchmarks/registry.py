"""Every benchmark by the name under which it is run: one module each, which is imported only when it runs.

A module has `measure(size: int | None, rounds: int | None) -> list[Measured]`; None means what `make bench` runs.
"""

from collections.abc import Iterable
from importlib import import_module

from benchmarks.measure import Measured

BENCHMARKS = {
    "b1": "benchmarks.kafka.risk",
    "b2": "benchmarks.kafka.risk",
    "b3": "benchmarks.kafka.risk",
    "throughput": "benchmarks.throughput",
    "latency": "benchmarks.latency",
    "b4": "benchmarks.latency",
    "b5": "benchmarks.ndjson_intake",
    "b6": "benchmarks.file_to_indicators",
    "b7": "benchmarks.in_memory",
    "b8": "benchmarks.close",
    "b9": "benchmarks.large",
    "b10": "benchmarks.large",
    "b11": "benchmarks.refold",
}
"""What `make bench` runs, in this order; two names may share a module whose run gives the figures of both."""


def measure(name: str, size: int | None, rounds: int | None) -> list[Measured]:
    """Run one benchmark."""
    measured: list[Measured] = import_module(BENCHMARKS[name]).measure(size, rounds)
    return measured


def without_repeats(names: Iterable[str]) -> list[str]:
    """Return the names, of those that share a module only the first."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(BENCHMARKS[name], name)
    return list(first.values())
