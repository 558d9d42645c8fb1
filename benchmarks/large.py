"""B9 and B10: memory with a million loans of 60 instalments, and how soon a killed process is ready again.

The process is started on the book, gets facts for loans all over it (so every cache fills to its bound), and is killed
in the middle of them. Memory is what the process has resident (VmRSS); it is flat when the last third of the load adds
next to nothing. `--rounds N` makes the load N times as long: a soak.
"""

import itertools
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import large_book, synthetic
from benchmarks.measure import Measured, slowness
from tests.support.processes import System, embedded_system

LOANS = 1_000_000
FACTS = 60_000
_BATCH = 1_000
_GIB = 1024**3


def measure(size: int | None, rounds: int | None) -> list[Measured]:
    """Run once, with `size` loans and `rounds` times the usual load; return memory and the time to be ready again."""
    loans, facts = size or LOANS, FACTS * (rounds or 1)
    numbers = large_book.copies_of(loans)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        large_book.make(Path(folder), loans)
        made_s = time.perf_counter() - began
        with embedded_system(Path(folder)) as system:
            at_start = _resident(system)
            seen = [at_start, *(_resident(system) for _ in _load(system, numbers, facts))]
            system.settle(synthetic.BOOK)
            slow = slowness()
            ready_s, caught_up_s = _killed(system, numbers)
    third = seen[-max(1, len(seen) // 3)]
    return [
        Measured(
            id="B9_resident_memory",
            what=f"resident memory with {loans:,} loans of {large_book.INSTALMENTS} instalments",
            figure=round(max(seen) / _GIB, 3),
            unit="GiB",
            must=1.5,
            aim=0.5,
            more_is_better=False,
            beside={"at start, GiB": at_start / _GIB, "facts sent": facts, "to make the book, s": made_s},
        ),
        Measured(
            id="B9_growth",
            what="memory at the end of the load, of that after two thirds of it",
            figure=round(seen[-1] / third, 3),
            unit="ratio",
            must=1.1,
            aim=1.02,
            more_is_better=False,
        ),
        Measured(
            id="B10_ready_after_kill",
            what=f"ready again after kill -9 under load, {loans * 2:,} facts of history",
            figure=round(ready_s / slow, 2),
            raw=round(ready_s, 2),
            unit="s",
            must=5,
            aim=1,
            more_is_better=False,
            beside={"nothing behind, s": caught_up_s},
        ),
    ]


def _load(system: System, numbers: Sequence[str], facts: int) -> Iterator[None]:
    """Send repayments of loans drawn from all over the book; yield after each batch."""
    dice = random.Random(9)
    day = synthetic.FIRST_DAY.replace(month=2, day=15)
    drawn = iter(dice.sample(range(len(numbers)), min(facts, len(numbers))) * (1 + facts // len(numbers)))
    for month in itertools.count():
        batch = [synthetic.repayment(numbers[at], month, day) for at in itertools.islice(drawn, _BATCH)]
        if not batch:
            return
        assert all(item["outcome"] == "accepted" for item in system.send_facts(batch))
        yield


def _killed(system: System, numbers: Sequence[str]) -> tuple[float, float]:
    """Kill the process in the middle of facts; return how long it takes to be ready, and to have nothing behind."""
    process = system.processes["tocsin"]
    day = synthetic.FIRST_DAY.replace(month=3, day=15)
    batch = [synthetic.repayment(number, 100_000, day) for number in numbers[:5_000]]

    def send() -> None:
        try:
            system.send_facts(batch)
        except Exception:  # noqa: BLE001 - it is killed meanwhile: whatever comes of that
            return

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(0.3)
    process.kill()
    sender.join()
    began = time.perf_counter()
    process.start()
    ready_s = time.perf_counter() - began
    system.settle(synthetic.BOOK)
    return ready_s, time.perf_counter() - began


def _resident(system: System) -> int:
    """Return the bytes of memory that the process has resident."""
    text = Path(f"/proc/{system.processes['tocsin'].pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
