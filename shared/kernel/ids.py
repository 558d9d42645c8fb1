"""Identities: time-ordered ids for what is new, hashed ids for what must come out the same twice.

The only place that may draw randomness (ruff TID251 bans it elsewhere).
"""

import hashlib
import os
import time

_SEPARATOR = "\x1f"


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7) as 36 characters: sortable by creation time, so indexes stay local."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def hashed_id(*parts: object) -> str:
    """Return 32 hexadecimal digits (SHA-256, first half) that depend on the parts alone, in their order."""
    digest = hashlib.sha256(_SEPARATOR.join(map(str, parts)).encode())
    return digest.hexdigest()[:32]


def digest_of(body: bytes) -> str:
    """Return the digest that tells a repeated fact from another one under the same id (D10)."""
    return hashlib.sha256(body).hexdigest()[:32]


def jitter() -> float:
    """Return a random fraction from 0 to 1, for spreading retries; nothing that is stored depends on it."""
    return int.from_bytes(os.urandom(4), "big") / 2**32
