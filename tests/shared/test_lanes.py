"""Lanes agree with the partitioner of Kafka's own clients."""

import pytest
from aiokafka.partitioner import murmur2

from shared.log.lanes import lane_of

# The known values of the Java client's own test of `Utils.murmur2`.
PUBLISHED = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), PUBLISHED.items())
def test_the_hash_is_the_one_that_the_java_client_publishes(key: str, signed: int) -> None:
    assert murmur2(key.encode()) & 0xFFFFFFFF == signed & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "signed"), PUBLISHED.items())
@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 12, 50])
def test_a_lane_is_the_positive_hash_modulo_the_partitions(key: str, signed: int, partitions: int) -> None:
    assert lane_of(key, partitions) == (signed & 0x7FFFFFFF) % partitions


def test_a_key_is_hashed_as_utf_8() -> None:
    assert 0 <= lane_of("Bauträger-Łódź-№7", 4) < 4
    assert {lane_of(f"client-{number}", 4) for number in range(100)} == {0, 1, 2, 3}
