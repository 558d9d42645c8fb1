"""Each wall has an enforcer, and the enforcer catches a breach."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.lints import LINTS, ROOT, all_findings, findings_in

BREACHES = {
    "services/risk/store/breach.py": ("import services.intake.settings", "Services never import each other"),
    "shared/kernel/breach.py": ("import services.risk.settings", "shared imports neither services nor the front door"),
    "shared/events/breach.py": ("import shared.runtime.service", "Inside shared"),
    "services/risk/domain/breach.py": ("import asyncio", "The domain is pure"),
    "services/intake/domain/breach.py": ("import shared.db.port", "The domain is pure"),
    "services/intake/utilities.py": ("", "The same rooms in every service"),
    "services/risk/handlers/breach.py": ("import services.risk.api", "The same rooms in every service"),
    "services/intake/metrics.py": ("import shared.log.kafka", "Backends are chosen in"),
    "services/risk/settings.py": ("import aiokafka", "Drivers are known behind the ports only"),
    "tocsin/breach.py": ("import services.risk.store", "The front door speaks HTTP"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for part in ("shared", "services", "tocsin"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(house: Path) -> str:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, env={"PYTHONPATH": str(house)})
    return done.stdout + done.stderr


@pytest.mark.parametrize("place", BREACHES)
def test_a_breached_import_wall_is_named(house: Path, place: str) -> None:
    line, contract = BREACHES[place]
    path = house / place
    before = path.read_text() if path.exists() else '"""A breach."""\n'
    path.write_text(f"{before}\n{line}\n")
    broken = [text for text in lint_imports(house).splitlines() if " BROKEN" in text]
    assert any(text.startswith(contract) for text in broken), broken


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("from datetime import datetime\nX = datetime.now()\n", "TID251"),
        ("import uuid\nX = uuid.uuid4()\n", "TID251"),
        ("import random\nX = random.random()\n", "TID251"),
        ("try:\n    X = 1\nexcept Exception:\n    X = 2\n", "BLE001"),
        ("try:\n    X = 1\nexcept Exception:\n    pass\n", "S110"),
        ('print("x")\n', "T201"),
    ],
)
def test_ruff_catches_what_the_house_forbids(code: str, rule: str) -> None:
    command = [str(Path(sys.executable).parent / "ruff"), "check", "--stdin-filename", "services/risk/breach.py", "-"]
    done = subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True)
    assert re.search(rf"\b{rule}\b", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("shared/long.py", "X = 1\n" * 401),
        ("shared/long_function.py", "def f():\n" + "    x = 1\n" * 70),
        ("shared/utils.py", "X = 1\n"),
        ("services/risk/store/x.py", "async def f(tx):\n    await tx.commit()\n"),
        ("tocsin/x.py", 'PATH = "/home/somebody/x"\n'),
        ("services/risk/x.py", "def f(db):\n    return db.dialect\n"),
    ],
    ids=[lint.__name__ for lint in LINTS],
)
def test_each_own_lint_catches_its_breach(path: str, code: str) -> None:
    assert len(findings_in(Path(path), code)) == 1


def test_the_project_keeps_its_own_lints() -> None:
    assert all_findings() == []
