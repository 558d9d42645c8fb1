"""The tapes and the policy that lie in the product."""

from importlib import resources
from pathlib import Path

from tocsin.profiles import PROFILES
from tocsin.profiles.base import Profile

_ROOT = Path(__file__).parents[1]
_FILES = {"auto_abs": ("loans.csv.gz", "payments.csv.gz"), "nyc_projects": ("reports.csv.gz",)}


def tapes() -> list[tuple[Profile, list[Path]]]:
    """Return each profile of the demo with its files."""
    return [(PROFILES[name], [_ROOT / "data" / name / file for file in files]) for name, files in _FILES.items()]


def source_note(profile: str) -> list[str]:
    """Return the title of a tape and the paragraphs that name its source, from the note beside it."""
    text = (_ROOT / "data" / profile / "README.md").read_text(encoding="utf-8")
    lines = [line.lstrip("# ") for line in text.splitlines() if line.strip()]
    files = next(index for index, line in enumerate(lines) if ".csv.gz" in line)
    return [lines[0].partition(": ")[2], *lines[1:files]]


def demo_policy() -> str:
    """Return the text of `policies/demo.yaml`: beside the packages in a checkout, inside one when installed."""
    beside = _ROOT.parent / "policies" / "demo.yaml"
    if beside.exists():
        return beside.read_text(encoding="utf-8")
    return resources.files("policies").joinpath("demo.yaml").read_text(encoding="utf-8")
