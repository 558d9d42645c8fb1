"""`python -m tests.chaos --seed N`: one run, one closing line; exit status 1 when something is violated."""

import argparse
import asyncio
import logging
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Report, Where, run
from tests.support.invariants import shown
from tests.support.kafka import require_kafka


def main() -> int:
    """Run once as the command line says."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="decides load and faults; drawn when absent")
    parser.add_argument("--where", choices=("servers", "embedded"), default="servers")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is disturbed")
    parser.add_argument("--folder", type=Path, default=None, help="keep history, logs and data in this new folder")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    if asked.where == "servers":
        require_kafka()
    # That Kafka is away is what is meant to happen.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if asked.folder is not None:
        asked.folder.mkdir(parents=True)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix=f"tocsin-chaos-{seed}-"))
    report = asyncio.run(_run(seed, asked.where, asked.seconds, folder))
    if report.violations:
        sys.stderr.write(shown(report.violations) + f"\nhistory and logs: {folder}\n")
        again = f"make chaos SEED={seed} WHERE={asked.where} SECONDS={asked.seconds:g}"
        sys.stderr.write(f"the same again: {again}\n")
    elif asked.folder is None:
        shutil.rmtree(folder)
    print(report.closing_line())
    return 1 if report.violations else 0


async def _run(seed: int, where: Where, seconds: float, folder: Path) -> Report:
    """Run; SIGTERM and SIGINT end it, and everything that it has started."""
    running = asyncio.ensure_future(run(seed, where, seconds, folder))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


if __name__ == "__main__":
    raise SystemExit(main())
