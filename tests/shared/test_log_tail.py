"""The tail of a partition: the newest records, without gaps, within its bounds."""

from shared.log.port import Partition, Record
from shared.log.tail import Tail, Tails


def record(offset: int, size: int = 10, partition: int = 0) -> Record:
    return Record("t", partition, offset, b"k", (("h", b"v"),), bytes(size), 0)


def offsets(tail: Tail, offset: int, limit: int = 100_000) -> list[int]:
    return [one.offset for one in tail.read(offset, limit)]


def test_reads_what_it_has_and_nothing_else() -> None:
    tail = Tail()
    for offset in range(5, 10):
        tail.append(record(offset))
    assert offsets(tail, 5) == [5, 6, 7, 8, 9]
    assert offsets(tail, 7, limit=2) == [7, 8]
    assert offsets(tail, 4) == offsets(tail, 10) == offsets(Tail(), 0) == []


def test_what_is_known_already_changes_nothing_and_a_gap_begins_anew() -> None:
    tail = Tail()
    for offset in (0, 1, 1, 0, 2):
        tail.append(record(offset))
    assert offsets(tail, 0) == [0, 1, 2]
    tail.append(record(7))
    assert (offsets(tail, 0), offsets(tail, 7)) == ([], [7])


def test_keeps_a_bounded_number_of_records_and_bytes() -> None:
    many, large = Tail(), Tail()
    for offset in range(20_000):
        many.append(record(offset))
    for offset in range(40):
        large.append(record(offset, size=1024 * 1024))
    assert offsets(many, 19_000) == list(range(19_000, 20_000))
    assert offsets(many, 15_000) == []
    assert offsets(large, 39) == [39]
    assert offsets(large, 35) == []


def test_partitions_are_kept_apart() -> None:
    tails = Tails()
    tails.extend([record(0), record(0, partition=1), record(1)])
    assert [one.offset for one in tails.read(Partition("t", 0), 0, 10)] == [0, 1]
    assert [one.offset for one in tails.read(Partition("t", 1), 0, 10)] == [0]
    assert tails.read(Partition("t", 2), 0, 10) == []
