"""What the README and the pages name exists."""

import re
from pathlib import Path

import pytest

from tests.architecture.lints import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "decisions.md",
    ROOT / "docs" / "operate.md",
    ROOT / "benchmarks" / "README.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"`((?:services|shared|tests|tocsin|policies|deploy|docs)/[\w./-]+)`", text)
    linked = [target for target in re.findall(r"\]\(([\w./-]+)\)", text) if "://" not in target]
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [path for path in linked if not (page.parent / path).exists()]
    assert named or linked or page.parent.name == "benchmarks"
    assert missing == []


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", (ROOT / "README.md").read_text())) - {"help"} <= targets
