"""Files of secrets: readable by their owner only, and whole at any moment, whoever is killed while writing one."""

import os
import stat
from pathlib import Path


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file in one step; a new one is readable by its owner only, a present one keeps its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
