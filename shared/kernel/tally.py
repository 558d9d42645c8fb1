"""Tallies: how many facts, and a digest of which ones, whatever their order; two services compare them at a close.

One fact lost and another one doubled leave the number as it was, and not the digest.
"""

from collections.abc import Sequence
from struct import unpack
from typing import NamedTuple

from shared.kernel.ids import hashed_id

_ID_BYTES = 16
_ID_DIGITS = 2 * _ID_BYTES
_PART_BITS = 40
"""Of each id this much goes into the sum, so that databases can add up 4 million facts without an overflow."""


class Tally(NamedTuple):
    """So many facts, and the sum of a part of each one's id."""

    facts: int = 0
    digest: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Return the tally of both together."""
        return Tally(self.facts + other.facts, self.digest + other.digest)

    def minus(self, other: "Tally") -> "Tally":
        """Return what is left of it without the other."""
        return Tally(self.facts - other.facts, self.digest - other.digest)


def pack_ids(event_ids: Sequence[str]) -> bytes:
    """Return event ids (32 hexadecimal digits) as 16 bytes each, in their order; of a foreign id its hash is taken."""
    try:
        packed = bytes.fromhex("".join(event_ids))
        if len(packed) == _ID_BYTES * len(event_ids) and all(len(one) == _ID_DIGITS for one in event_ids):
            return packed
    except ValueError:
        pass
    return b"".join(_packed(one) for one in event_ids)


def unpack_ids(packed: bytes) -> list[str]:
    """Return the event ids that were packed."""
    return [packed[start : start + _ID_BYTES].hex() for start in range(0, len(packed), _ID_BYTES)]


def tally_of(packed: bytes) -> Tally:
    """Return the tally of packed ids."""
    count = len(packed) // _ID_BYTES
    words = unpack(f"<{2 * count}Q", packed)[::2]
    mask = (1 << _PART_BITS) - 1
    return Tally(count, sum([word & mask for word in words]))


def _packed(event_id: str) -> bytes:
    if len(event_id) == _ID_DIGITS:
        try:
            return bytes.fromhex(event_id)
        except ValueError:
            pass
    return bytes.fromhex(hashed_id(event_id))
