"""`tocsin admin secrets`: fresh ones once, nothing twice, nothing for others' eyes."""

import json
from pathlib import Path

from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.support.served import Front
from tocsin.deployment import SECRETS, read_environment


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    front = Front(tmp_path / "data")
    assert front.run("admin", "secrets", "--project", tmp_path).code == 0
    files = [".env", ".secrets/keys/keys.json", ".secrets/metrics.key", ".secrets/profile.json"]
    before = {name: (tmp_path / name).read_bytes() for name in files}
    assert "nothing was missing" in front.run("admin", "secrets", "--project", tmp_path).out
    assert {name: (tmp_path / name).read_bytes() for name in files} == before
    made = read_environment(tmp_path / ".env")
    assert set(made) == set(SECRETS)
    assert len(set(made.values())) == len(SECRETS)
    assert min(len(value) for value in made.values()) >= 40


def test_only_hashes_and_the_scraping_key_are_readable_inside_a_folder_that_is_the_owners(tmp_path: Path) -> None:
    Front(tmp_path / "data").run("admin", "secrets", "--project", tmp_path)
    secrets = tmp_path / ".secrets"
    assert (mode(tmp_path / ".env"), mode(secrets), mode(secrets / "profile.json")) == (0o600, 0o700, 0o600)
    assert (mode(secrets / "keys" / "keys.json"), mode(secrets / "metrics.key")) == (0o644, 0o644)
    keys = KeyRing(secrets / "keys" / "keys.json")
    scraping = keys.find((secrets / "metrics.key").read_text())
    operator = keys.find(json.loads((secrets / "profile.json").read_text())["key"])
    assert scraping is not None
    assert scraping.rights == ["metrics:read"]
    assert operator is not None
    assert set(operator.rights) == set(RIGHTS)


def test_a_variable_that_a_newer_version_asks_for_is_added_and_an_operators_own_stays(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# ours\nTOCSIN_PUBLIC_URL=https://risk.example.org\nGRAFANA_PASSWORD=mine\n")
    Front(tmp_path / "data").run("admin", "secrets", "--project", tmp_path)
    made = read_environment(tmp_path / ".env")
    assert (made["GRAFANA_PASSWORD"], mode(tmp_path / ".env")) == ("mine", 0o600)
    assert set(made) == {*SECRETS, "TOCSIN_PUBLIC_URL"}
    assert json.loads((tmp_path / ".secrets" / "profile.json").read_text())["url"] == "https://risk.example.org"


def test_a_key_added_later_leaves_the_key_file_readable_by_the_containers(tmp_path: Path) -> None:
    front = Front(tmp_path / "data")
    front.run("admin", "secrets", "--project", tmp_path)
    path = tmp_path / ".secrets" / "keys" / "keys.json"
    assert front.run("keys", "add", "lending", "--right", "facts:write", "--file", path).code == 0
    assert mode(path) == 0o644
