"""The image: its Dockerfile linted, and its steps carried out in a clean folder, without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.compose_file import ROOT, SERVICES

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BIN = Path(sys.executable).parent
STEP_TIMEOUT_S = 240


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile as (instruction, rest)."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text())
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([BIN / "hadolint", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_stand_on_the_same_pinned_image_and_the_last_one_runs_as_nobody() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])
    assert [rest for word, rest in instructions() if word == "USER"] == ["10001:10001"]


def test_the_context_holds_what_is_copied_and_no_secret() -> None:
    allowed = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [part.rstrip("/") for word, rest in instructions() if word == "COPY" and "--from" not in rest
              for part in rest.split()[:-1]]  # fmt: skip
    assert set(copied) == allowed
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Carry out the first stage in a folder: every COPY and every `uv` step as they stand; return `/app`."""
    app = tmp_path_factory.mktemp("image") / "app"
    app.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    for word, rest in instructions()[: [word for word, _ in instructions()].index("FROM", 1)]:
        if word == "ENV":
            environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                _copy(ROOT / source, app / target)
        elif word == "RUN" and rest.startswith("uv "):
            # `--no-cache` keeps the image small; here packages may come from uv's own cache.
            steps = [part for part in rest.split()[1:] if part != "--no-cache"]
            done = subprocess.run(
                [BIN / "uv", *steps, "--python", sys.executable],
                cwd=app, env=environment, capture_output=True, text=True, timeout=STEP_TIMEOUT_S, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
    for source in ("shared", "services", "tocsin"):
        shutil.rmtree(app / source)  # The second stage takes `.venv` alone.
    return app


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def run(image: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{image}/.venv/bin:/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=image, env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def test_the_image_has_what_runs_and_nothing_for_developers(image: Path) -> None:
    listed = {path.name.split("-")[0] for path in (image / ".venv/lib/python3.11/site-packages").glob("*.dist-info")}
    assert {"fastapi", "aiokafka", "tocsin"} <= listed
    assert listed & {"pytest", "mypy", "ruff", "hypothesis", "playwright"} == set()
    done = run(image, f"{image}/.venv/bin/tocsin", "version")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_starts_from_the_image_and_says_what_it_lacks(image: Path, service: str) -> None:
    done = run(image, f"{image}/.venv/bin/python", "-m", f"services.{service}")
    assert done.returncode == 2
    assert "TOCSIN_DATABASE_URL" in done.stderr


def test_migrations_templates_and_data_are_inside(image: Path) -> None:
    inside = image / ".venv/lib/python3.11/site-packages"
    kept = {path.relative_to(ROOT) for top in ("shared", "services", "tocsin") for path in (ROOT / top).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    assert [str(path) for path in sorted(kept) if not (inside / path).exists()] == []
