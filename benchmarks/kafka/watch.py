"""Timing a way from outside, from its beginning until all is committed: wall and processor time per process."""

import asyncio
import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

import asyncpg

from benchmarks.kafka.servers import Servers
from benchmarks.processor import cpu_s, family_cpu_s
from tests.support.processes import Process

_LOOK_EVERY_S = 0.02
_TIMEOUT_S = 400.0


class Run(NamedTuple):
    """What one run of one way took."""

    facts: int
    wall_s: float
    cpu_s: Mapping[str, float]
    """By kind of process: python, postgres, kafka."""

    @property
    def rate(self) -> float:
        """Facts per second."""
        return self.facts / self.wall_s

    def us(self, kind: str) -> float:
        """Return the processor time per fact of one kind of process, in microseconds."""
        return self.cpu_s[kind] / self.facts * 1e6

    @property
    def us_of_all(self) -> float:
        """Processor time per fact of all processes, in microseconds."""
        return sum(self.cpu_s.values()) / self.facts * 1e6


async def watch(servers: Servers, processes: Sequence[Process], dsn: str, done: str, total: int) -> Run:
    """Watch processes work until they are through.

    `done` is SQL for (records done so far, has it begun in earnest, is nothing left to be done behind); `total` is the
    number of records. The clock starts when it has begun, and counts what is done from then.
    """
    session = await asyncpg.connect(dsn)
    first, before, began = 0, dict[str, float](), 0.0
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            while True:
                records, begun, through = await session.fetchrow(done)
                if not began and begun:
                    first, before, began = records, _spent(servers, processes), perf_counter()
                if records >= total and through:
                    break
                _check(processes)
                await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await session.close()
    after = _spent(servers, processes)
    if first == total:
        raise RuntimeError("it was through before it could be timed: give it more facts")
    return Run(total - first, perf_counter() - began, {kind: after[kind] - before[kind] for kind in after})


def _spent(servers: Servers, processes: Sequence[Process]) -> dict[str, float]:
    return {
        "python": sum(_of_family(process.pid) for process in processes),
        "postgres": family_cpu_s(servers.postgres_pid),
        "kafka": cpu_s(servers.kafka.pid),
    }


def _of_family(pid: int) -> float:
    try:
        return family_cpu_s(pid)
    except FileNotFoundError:
        return cpu_s(pid)


def _check(processes: Sequence[Process]) -> None:
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(0)
            if status:
                raise RuntimeError(f"a process ended with {status}: {process.output()}")
