"""Templates as files: the built-in ones, and those of a folder that replace them, by the same relative names.

`staff/opened.en.j2` says subject and opening words of one purpose in one language; `staff/layout.en.txt.j2` and
`staff/layout.en.html.j2` are what it stands in. Each begins with its version, `{# version: 3 #}`.
"""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from services.notify.domain.delivery import Purpose
from services.notify.wording.written import Audience, Language

BUILT_IN = Path(__file__).parent / "templates"
LANGUAGES: tuple[Language, ...] = ("en", "zh")
FORMS = ("txt", "html")
PURPOSES: dict[Audience, tuple[Purpose, ...]] = {
    "staff": tuple(purpose for purpose in Purpose if purpose is not Purpose.SURVEY),
    "client": (Purpose.SURVEY,),
}
_VERSION = re.compile(r"\{#-?\s*version:\s*(\d{1,6})\s*-?#\}", re.ASCII)
_BYTES_MAX = 256_000


class Source(NamedTuple):
    """One file."""

    version: int
    text: str


def audience_of(purpose: Purpose) -> Audience:
    """Return who reads messages of a purpose."""
    return "client" if purpose is Purpose.SURVEY else "staff"


def file_names() -> list[str]:
    """Return the names of all template files that there are."""
    names = []
    for audience, purposes in PURPOSES.items():
        for language in LANGUAGES:
            names += [f"{audience}/{purpose}.{language}.j2" for purpose in purposes]
            names += [f"{audience}/layout.{language}.{form}.j2" for form in FORMS]
    return names


def read_sources(replaced: Path | None) -> tuple[dict[str, Source], list[str]]:
    """Return every template by file name, and what is wrong with the files, one line each."""
    errors: list[str] = []
    found = {name: BUILT_IN / name for name in file_names()}
    if replaced is not None:
        if not replaced.is_dir():
            errors.append(f"{replaced}: is no folder")
        own = {path.relative_to(replaced) for path in sorted(replaced.rglob("*.j2"))}
        # What begins with a point is not the operator's: mounted volumes keep their versions so.
        names = [path.as_posix() for path in sorted(own) if not any(part.startswith(".") for part in path.parts)]
        errors += [f"{name}: there is no template of this name" for name in names if name not in found]
        found.update({name: replaced / name for name in found if (replaced / name).is_file()})
    sources = {}
    for name, path in found.items():
        try:
            sources[name] = parse_source(_read(path))
        except (OSError, ValueError) as error:
            errors.append(f"{name}: {error}")
    return sources, errors


def parse_source(text: str) -> Source:
    """Return a template with its version; ValueError without one."""
    match = _VERSION.match(text)
    if match is None:
        raise ValueError("does not begin with its version, such as {# version: 1 #}")
    return Source(int(match.group(1)), text)


def version_of(sources: list[Source]) -> str:
    """Return the version of a template: the first one's number, and a digest of all that it is made of."""
    digest = hashlib.sha256("\x1f".join(source.text for source in sources).encode())
    return f"{sources[0].version}-{digest.hexdigest()[:8]}"


def _read(path: Path) -> str:
    if path.stat().st_size > _BYTES_MAX:
        raise ValueError(f"larger than {_BYTES_MAX} bytes")
    return path.read_text(encoding="utf-8")
