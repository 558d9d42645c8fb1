"""`make chaos` as it is run: a short one of each kind, the real system under faults."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.kafka import require_kafka
from tests.support.postgres import new_server
from tests.support.processes import ROOT

_LONGEST_S = 540.0


def disturbed(tmp_path: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--folder", str(tmp_path / "run"), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, complained = process.communicate(timeout=_LONGEST_S)
    except BaseException:
        # It ends what it started by itself.
        process.send_signal(signal.SIGTERM)
        process.communicate()
        raise
    assert process.returncode == 0, f"{said}\n{complained[-8000:]}"
    assert said.endswith("all invariants hold\n"), said


@pytest.mark.timeout(600)
def test_the_embedded_system_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disturbed(tmp_path, "--seed", "1", "--where", "embedded", "--seconds", "12")


@pytest.mark.servers
@pytest.mark.timeout(600)
def test_the_services_on_servers_lose_and_double_nothing(tmp_path: Path) -> None:
    require_kafka()
    new_server().remove()
    disturbed(tmp_path, "--seed", "1", "--where", "servers", "--seconds", "25")
