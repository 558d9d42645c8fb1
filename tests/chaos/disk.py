"""A disk that can be full: a small file system where one may be mounted, else a limit on the size of files."""

import contextlib
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

_SIZE = "192m"
_MOUNT_TIMEOUT_S = 10.0
_ZEROS = bytes(1024 * 1024)


class Disk(Protocol):
    """Where the files of the embedded system lie."""

    def fill(self, pid: int, room: int) -> None:
        """Leave so many bytes to write, or about so many."""

    def empty(self, pid: int) -> None:
        """Let there be room again."""

    def close(self) -> None:
        """Remove what was made for it."""


def small_disk(folder: Path) -> Disk:
    """Return a disk for a folder, which is made."""
    limit = SizeLimit(folder)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, timeout=_MOUNT_TIMEOUT_S, check=False)
    return SmallFileSystem(folder) if done.returncode == 0 else limit


class SmallFileSystem:
    """A file system in memory, filled by a file beside the others: writes fail with ENOSPC, as on a full disk."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._filler = folder, folder / "filler"

    def fill(self, pid: int, room: int) -> None:
        with self._filler.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(_ZEROS)
            file.truncate(max(0, file.tell() - room))

    def empty(self, pid: int) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        # What lies on it is wanted when something was violated.
        kept = shutil.copytree(self._folder, self._folder.with_name(f"{self._folder.name}.kept"))
        subprocess.run(["umount", self._folder], capture_output=True, timeout=_MOUNT_TIMEOUT_S, check=True)
        self._folder.rmdir()
        kept.rename(self._folder)


class SizeLimit:
    """A limit on the size of the process's files (RLIMIT_FSIZE): growing one beyond it fails with EFBIG.

    Its own log must stay shorter than its tables.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder

    def fill(self, pid: int, room: int) -> None:
        largest = max(file.stat().st_size for file in self._folder.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + room, resource.RLIM_INFINITY))

    def empty(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        """Nothing was made."""
