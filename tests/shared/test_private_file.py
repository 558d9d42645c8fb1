"""Files of secrets are whole at any moment, and their owner's only."""

import os
import stat
from pathlib import Path

import pytest

from shared.security.private_file import replace_private


def test_a_crash_while_it_is_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "profile.json"

    def killed(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        replace_private(path, b"first")
    assert not path.exists(), "half a file would keep every later start from reading it"
    monkeypatch.undo()
    replace_private(path, b"first")
    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        replace_private(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_new_one_is_its_owners_only_and_a_present_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    replace_private(path, b"first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    replace_private(path, b"second")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.read_bytes() == b"second"
