"""What a deployment by docker compose needs once: fresh secrets, keys and the operator's profile, beside the file."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from shared.clock import SystemClock
from shared.security.keys import KeyRing
from tocsin.system import leave_profile

ENVIRONMENT = ".env"
FOLDER = ".secrets"
SECRETS = (
    "POSTGRES_PASSWORD",
    "TOCSIN_INTAKE_PASSWORD",
    "TOCSIN_RISK_PASSWORD",
    "TOCSIN_NOTIFY_PASSWORD",
    "TOCSIN_FEEDBACK_PASSWORD",
    "TOCSIN_LINK_SECRETS",
    "GRAFANA_PASSWORD",
)
"""Every variable of docker-compose.yml that has no default."""
_DEFAULT_URL = "http://127.0.0.1:8400"


class Prepared(NamedTuple):
    """What is there now."""

    folder: Path
    url: str
    new: tuple[str, ...]
    """Names of the secrets that were missing and are made now."""


def prepare(project: Path) -> Prepared:
    """Write what is missing of `.env` and `.secrets` in the project's folder; what is there stays as it is.

    The folder is its owner's alone. Inside, what containers read is readable by their users: hashes, and the key
    that may scrape metrics and nothing else.
    """
    environment = project / ENVIRONMENT
    known = read_environment(environment)
    missing = tuple(name for name in SECRETS if name not in known)
    if missing:
        _append(environment, {name: secrets.token_urlsafe(36) for name in missing})
    url = known.get("TOCSIN_PUBLIC_URL") or _DEFAULT_URL
    folder = project / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "keys").mkdir(mode=0o755, exist_ok=True)
    keys = KeyRing(folder / "keys" / "keys.json")
    leave_profile(folder, url, keys)
    _scraping_key(folder / "metrics.key", keys)
    keys.path.chmod(0o644)
    return Prepared(folder, url, missing)


def read_environment(path: Path) -> dict[str, str]:
    """Return the variables of a `.env` file; empty when there is none."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _append(path: Path, values: Mapping[str, str]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    path.chmod(0o600)


def _scraping_key(path: Path, keys: KeyRing) -> None:
    if path.exists() and keys.find(path.read_text().strip()) is not None:
        return
    _, secret = keys.add("prometheus", ["metrics:read"], SystemClock().now().isoformat())
    path.write_text(secret)
    path.chmod(0o644)
