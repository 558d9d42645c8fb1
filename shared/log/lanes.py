"""Which lane a key takes: the default partitioner of Kafka's clients (murmur2), so that other tools agree (D9)."""

from aiokafka.partitioner import murmur2


def lane_of(key: str, partitions: int) -> int:
    """Return the partition of a topic with so many partitions that a key belongs to."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
