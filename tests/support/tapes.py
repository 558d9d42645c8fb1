"""Replaying the project's own tapes into a system, by the command line that a user has."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT, System

DATA = ROOT / "tocsin" / "data"
AUTO = (DATA / "auto_abs" / "loans.csv.gz", DATA / "auto_abs" / "payments.csv.gz")
PROJECTS = (DATA / "nyc_projects" / "reports.csv.gz",)


def tocsin(system: System, folder: Path, *arguments: str | Path) -> str:
    """Run the command line against a system; return what it wrote to standard output."""
    environment = {
        **os.environ,
        "TOCSIN_URL": system.address,
        "TOCSIN_KEY": system.key,
        "TOCSIN_DATA": str(folder / "front"),
    }
    command = [sys.executable, "-m", "tocsin.cli", *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout


def replay_both(system: System, folder: Path) -> None:
    """Apply the demo policy and replay both tapes, month by month, to the end."""
    tocsin(system, folder, "policy", "apply", ROOT / "policies" / "demo.yaml")
    tocsin(system, folder, "replay", "--profile", "auto_abs", *AUTO)
    tocsin(system, folder, "replay", "--profile", "nyc_projects", *PROJECTS)
    for book in ("auto", "projects"):
        system.settle(book)
