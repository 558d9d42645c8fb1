"""An environment of its own for each peer, out of its locked requirements, made once and kept beside the project's."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_KEPT = _HERE.parents[1] / ".cache" / "peers"
_TIMEOUT_S = 300


def python_of(peer: str) -> str:
    """Return the interpreter of a peer's environment, which is made when it is not there or its lock has changed."""
    lock = _HERE / peer / "requirements.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = _KEPT / f"{peer}-{digest}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        uv = Path(sys.executable).with_name("uv")
        environment = {**os.environ, "VIRTUAL_ENV": str(folder)}
        for arguments in (
            ["venv", "--clear", "--python", sys.executable, str(folder)],
            ["pip", "sync", "--require-hashes", str(lock)],
        ):
            subprocess.run([uv, "--quiet", *arguments], env=environment, check=True, timeout=_TIMEOUT_S)
        ready.touch()
    return str(python)
