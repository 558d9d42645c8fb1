"""A power failure under SQLite: what was written and not synced is gone, as it may be on a real disk.

SQLite reaches files through its VFS. Here the methods of the files that it opens are replaced by ones that pass
everything on to the real ones, and keep beside it what a disk holds for sure: the bytes before each file's last sync.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_OK = 0
_P = ctypes.c_void_p
_INT, _INT64 = ctypes.c_int, ctypes.c_int64
_OPEN = ctypes.CFUNCTYPE(_INT, _P, _P, _P, _INT, _P)
_WRITE = ctypes.CFUNCTYPE(_INT, _P, _P, _INT, _INT64)
_TRUNCATE = ctypes.CFUNCTYPE(_INT, _P, _INT64)
_SYNC = ctypes.CFUNCTYPE(_INT, _P, _INT)


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, third version."""

    _fields_ = (
        ("iVersion", _INT),
        ("xClose", _P),
        ("xRead", _P),
        ("xWrite", _P),
        ("xTruncate", _P),
        ("xSync", _P),
        ("others", _P * 13),
    )


class _File(ctypes.Structure):
    """`sqlite3_file`: what lies behind the pointer to its methods is the VFS's own."""

    _fields_ = (("pMethods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    """The beginning of `sqlite3_vfs`."""

    _fields_ = (
        ("iVersion", _INT),
        ("szOsFile", _INT),
        ("mxPathname", _INT),
        ("pNext", _P),
        ("zName", ctypes.c_char_p),
        ("pAppData", _P),
        ("xOpen", _P),
    )


class Disk:
    """What the files that SQLite has open would be after a power failure now."""

    def __init__(self) -> None:
        """Nothing is open."""
        self.syncs = 0
        self._safe: dict[str, bytearray] = {}
        self._unsafe: dict[str, list[Callable[[bytearray], None]]] = {}
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []

    def fail(self, folder: Path) -> Path:
        """Write the files as they would be found into a folder; return it. A file that was deleted is gone for good."""
        folder.mkdir()
        for path, content in ((Path(name), content) for name, content in self._safe.items()):
            if path.exists():
                (folder / path.name).write_bytes(content)
        return folder

    def opened(self, file: int, name: str) -> None:
        """Stand between SQLite and a file."""
        path = Path(name)
        self._names[file] = name
        if name not in self._safe:
            self._safe[name] = bytearray(path.read_bytes() if path.exists() else b"")
            self._unsafe[name] = []
        handle = ctypes.cast(file, ctypes.POINTER(_File))[0]
        real = handle.pMethods[0]
        write, truncate, sync = _WRITE(real.xWrite), _TRUNCATE(real.xTruncate), _SYNC(real.xSync)

        def on_write(file: int, data: int, length: int, offset: int) -> int:
            content = ctypes.string_at(data, length)

            def put(image: bytearray) -> None:
                image.extend(bytes(max(0, offset - len(image))))
                image[offset : offset + length] = content

            self._unsafe[self._names[file]].append(put)
            done: int = write(file, data, length, offset)
            return done

        def on_truncate(file: int, size: int) -> int:
            def cut(image: bytearray) -> None:
                del image[size:]

            self._unsafe[self._names[file]].append(cut)
            done: int = truncate(file, size)
            return done

        def on_sync(file: int, flags: int) -> int:
            done: int = sync(file, flags)
            if done == _OK:
                self.syncs += 1
                name = self._names[file]
                for change in self._unsafe[name]:
                    change(self._safe[name])
                self._unsafe[name].clear()
            return done

        mine = _Methods()
        ctypes.pointer(mine)[0] = real
        between = _WRITE(on_write), _TRUNCATE(on_truncate), _SYNC(on_sync)
        mine.xWrite, mine.xTruncate, mine.xSync = (ctypes.cast(one, _P) for one in between)
        handle.pMethods = ctypes.pointer(mine)
        self._kept.append((mine, between))


@contextmanager
def watched_disk() -> Iterator[Disk]:
    """Stand between SQLite and the files that it opens inside the block, which must close them again."""
    library = _sqlite()
    find = library.sqlite3_vfs_find
    find.restype, find.argtypes = ctypes.POINTER(_Vfs), [ctypes.c_char_p]
    vfs = find(None)[0]
    disk, real = Disk(), vfs.xOpen
    opening = _OPEN(real)

    def on_open(vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        done: int = opening(vfs, name, file, flags, out)
        if done == _OK and name:
            disk.opened(file, ctypes.string_at(name).decode())
        return done

    between = _OPEN(on_open)
    vfs.xOpen = ctypes.cast(between, _P)
    try:
        yield disk
    finally:
        vfs.xOpen = real


def _sqlite() -> ctypes.CDLL:
    """Return the very library that Python's sqlite3 module uses."""
    import _sqlite3

    library = ctypes.CDLL(_sqlite3.__file__)
    if not hasattr(library, "sqlite3_vfs_find"):
        pytest.skip("this Python's SQLite is linked in such that nothing can stand between it and its files")
    return library
