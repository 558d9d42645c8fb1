"""API keys (D20): kept as SHA-256 hashes in one file that all services read; rights are named per key.

A key is `tk_` and 43 characters from the system's randomness, so a plain hash is enough: there is nothing to guess.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec

from shared.security.private_file import replace_private
from shared.security.rights import RIGHTS


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key as stored."""

    id: str
    name: str
    rights: list[str]
    secret_sha256: str
    created: str
    revoked: bool = False


class KeyFileBroken(Exception):
    """The key file cannot be read or does not fit its shape."""


class KeyRing:
    """The keys of one file; read again when the file changes, so a revocation takes effect without a restart."""

    def __init__(self, path: Path) -> None:
        """Open the file, which need not exist yet."""
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._by_hash: dict[str, ApiKey] = {}

    def find(self, secret: str) -> ApiKey | None:
        """Return the live key of a secret."""
        self._refresh()
        wanted = _hash(secret)
        found = self._by_hash.get(wanted)
        if found is None or found.revoked or not hmac.compare_digest(found.secret_sha256, wanted):
            return None
        return found

    def all(self) -> list[ApiKey]:
        """Return every key, revoked ones too, in order of creation."""
        self._refresh()
        return sorted(self._by_hash.values(), key=lambda key: (key.created, key.id))

    def add(self, name: str, rights: Iterable[str], created: str) -> tuple[ApiKey, str]:
        """Add a key; return it with its secret, which is shown this once. ValueError names unknown rights."""
        wanted = sorted(set(rights))
        unknown = [right for right in wanted if right not in RIGHTS]
        if unknown:
            raise ValueError(f"unknown rights: {', '.join(unknown)}; there are: {', '.join(sorted(RIGHTS))}")
        secret = f"tk_{secrets.token_urlsafe(32)}"
        key = ApiKey(id=secrets.token_hex(4), name=name, rights=wanted, secret_sha256=_hash(secret), created=created)
        self._write([*self.all(), key])
        return key, secret

    def revoke(self, key_id: str) -> bool:
        """Revoke a key for ever; False when there is none of that id."""
        keys = self.all()
        if not any(key.id == key_id for key in keys):
            return False
        self._write([msgspec.structs.replace(key, revoked=True) if key.id == key_id else key for key in keys])
        return True

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._by_hash = None, {}
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        try:
            keys = msgspec.json.decode(self.path.read_bytes(), type=list[ApiKey])
        except (OSError, msgspec.MsgspecError) as error:
            raise KeyFileBroken(f"{self.path}: {error}") from error
        self._by_hash = {key.secret_sha256: key for key in keys}
        self._stamp = stamp

    def _write(self, keys: list[ApiKey]) -> None:
        """Replace the file in one step."""
        content = json.dumps([msgspec.to_builtins(key) for key in keys], indent=2)
        replace_private(self.path, content.encode())
        self._stamp = None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
