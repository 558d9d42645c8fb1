"""Which lane a key takes: the default partitioner of Kafka's clients (murmur2), so that other tools agree (D9)."""

from aiokafka.partitioner import murmur2


def lane_of(key: str, partitions: int) -> int:
    """Return the partition of a topic with so many partitions that a key belongs to."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


KEYS_REMEMBERED_MAX = 200_000


class Lanes:
    """The lanes of topics with so many partitions; keys repeat, and hashing one costs more than remembering it."""

    def __init__(self, partitions: int) -> None:
        """Remember nothing yet."""
        self.partitions = partitions
        self._known: dict[str, int] = {}

    def of(self, key: str) -> int:
        """Return the lane of a key."""
        lane = self._known.get(key)
        if lane is None:
            if len(self._known) >= KEYS_REMEMBERED_MAX:
                self._known.clear()
            lane = self._known[key] = lane_of(key, self.partitions)
        return lane
