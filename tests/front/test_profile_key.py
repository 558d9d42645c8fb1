"""The local key that `tocsin serve` leaves in its folder: made once, and anew when it lacks a right (D24)."""

import json
from pathlib import Path

from shared.security.keys import ApiKey, KeyRing
from shared.security.rights import RIGHTS
from tocsin.system import PROFILE, leave_profile

URL = "http://127.0.0.1:8400"


def left(folder: Path, keys: KeyRing) -> ApiKey:
    leave_profile(folder, URL, keys)
    profile = json.loads((folder / PROFILE).read_text())
    assert profile["url"] == URL
    key = keys.find(profile["key"])
    assert key is not None
    return key


def test_it_is_made_once_with_all_rights(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "keys.json")
    key = left(tmp_path, keys)
    assert set(key.rights) == set(RIGHTS)
    assert left(tmp_path, keys) == key


def test_one_of_an_older_version_is_replaced_and_revoked(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "keys.json")
    old, secret = keys.add("local", ["facts:read"], "2020-01-01T00:00:00+00:00")
    (tmp_path / PROFILE).write_text(json.dumps({"url": URL, "key": secret}))
    assert set(left(tmp_path, keys).rights) == set(RIGHTS)
    assert keys.find(secret) is None
    assert [key.id for key in keys.all() if key.revoked] == [old.id]
