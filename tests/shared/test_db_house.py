"""Outbox, positions, lanes and idempotency keys, over every backend."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from shared.clock import FrozenClock
from shared.db import idempotency, lanes, outbox, positions
from shared.db.outbox import OutboxRow
from shared.log.port import Outgoing
from tests.support.databases import HOUSE, METADATA, AnyDatabase, Backend

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(number: int, topic: str = "t", partition: int = 0) -> OutboxRow:
    # Ids fall while numbers rise, so that an order by id would be seen.
    return OutboxRow(f"{100_000 - number}", topic, partition, f"k{number}", (("h", b"\xff"),), b"v%d" % number)


class TestOutbox:
    @pytest.mark.parametrize("count", [3, 500])
    async def test_gives_rows_back_in_the_order_of_putting(self, database: AnyDatabase, count: int) -> None:
        for start in range(0, count * 2, count):
            async with database.transaction() as tx:
                await outbox.put(tx, HOUSE, [row(number) for number in range(start, start + count)])
        async with database.read() as tx:
            found = await outbox.unsent(tx, HOUSE, "t", 0, 10_000)
            few = await outbox.unsent(tx, HOUSE, "t", 0, 2)
        wanted = [Outgoing("t", 0, b"k%d" % n, (("h", b"\xff"),), b"v%d" % n) for n in range(count * 2)]
        assert [record for _, record in found] == wanted
        assert few == found[:2]
        assert [seq for seq, _ in found] == sorted({seq for seq, _ in found})

    async def test_keeps_lanes_apart_and_forgets_what_was_sent(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await outbox.put(tx, HOUSE, [row(1, "t", 0), row(2, "t", 1), row(3, "u", 0), row(4, "t", 0)])
        async with database.transaction() as tx:
            assert await outbox.lanes_with_work(tx, HOUSE) == [("t", 0), ("t", 1), ("u", 0)]
            sent = await outbox.unsent(tx, HOUSE, "t", 0, 1)
            await outbox.forget(tx, HOUSE, "t", 0, [seq for seq, _ in sent])
            other = await outbox.unsent(tx, HOUSE, "u", 0, 1)
            await outbox.forget(tx, HOUSE, "t", 0, [seq for seq, _ in other])
        async with database.read() as tx:
            assert [record.value for _, record in await outbox.unsent(tx, HOUSE, "t", 0, 9)] == [b"v4"]
            assert [(lane.topic, lane.partition, lane.rows) for lane in await outbox.backlog(tx, HOUSE)] == [
                ("t", 0, 1),
                ("t", 1, 1),
                ("u", 0, 1),
            ]

    async def test_a_late_forget_never_meets_a_newer_row(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await outbox.put(tx, HOUSE, [row(1)])
            ((old, _),) = await outbox.unsent(tx, HOUSE, "t", 0, 1)
            await outbox.forget(tx, HOUSE, "t", 0, [old])
        async with database.transaction() as tx:
            await outbox.put(tx, HOUSE, [row(2)])
            await outbox.forget(tx, HOUSE, "t", 0, [old])
            assert len(await outbox.unsent(tx, HOUSE, "t", 0, 9)) == 1

    async def test_refuses_an_id_that_waits_already(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await outbox.put(tx, HOUSE, [row(1)])
        with pytest.raises(IntegrityError):
            async with database.transaction() as tx:
                await outbox.put(tx, HOUSE, [row(1)])

    async def test_knows_the_age_of_the_oldest(self, backend: Backend) -> None:
        clock = FrozenClock(NOW)
        database = backend.open(clock)
        await database.run_sync(METADATA.create_all)
        for number in (1, 2):
            async with database.transaction() as tx:
                await outbox.put(tx, HOUSE, [row(number)])
            clock.advance(60)
        async with database.read() as tx:
            assert [lane.oldest for lane in await outbox.backlog(tx, HOUSE)] == [NOW]


class TestPositions:
    async def test_move_only_from_where_they_are_and_for_their_owner(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            first = await positions.claim(tx, HOUSE, "g", "t", 0, "a")
            assert first == positions.Claim(0, 1)
            assert await positions.advance(tx, HOUSE, "g", "t", 0, first.epoch, 0, 10)
        async with database.transaction() as tx:
            assert not await positions.advance(tx, HOUSE, "g", "t", 0, first.epoch, 0, 10)
            assert not await positions.advance(tx, HOUSE, "g", "t", 1, first.epoch, 0, 10)
            second = await positions.claim(tx, HOUSE, "g", "t", 0, "b")
            assert second == positions.Claim(10, 2)
        async with database.transaction() as tx:
            assert not await positions.advance(tx, HOUSE, "g", "t", 0, first.epoch, 10, 20)
            assert await positions.advance(tx, HOUSE, "g", "t", 0, second.epoch, 10, 20)

    async def test_a_zombie_in_the_middle_of_a_batch_is_fenced(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            claim = await positions.claim(tx, HOUSE, "g", "t", 0, "zombie")

        async def batch(epoch: int) -> bool:
            async with database.transaction() as tx:
                return await positions.advance(tx, HOUSE, "g", "t", 0, epoch, 0, 5)

        outcomes = await asyncio.gather(*(batch(claim.epoch) for _ in range(5)))
        assert sorted(outcomes) == [False] * 4 + [True]

    async def test_many_may_claim_at_once_and_each_gets_its_own_epoch(self, database: AnyDatabase) -> None:
        async def one(owner: str) -> int:
            async with database.transaction() as tx:
                return (await positions.claim(tx, HOUSE, "g", "t", 0, owner)).epoch

        epochs = await asyncio.gather(*(one(f"{number}") for number in range(8)))
        assert sorted(epochs) == list(range(1, 9))


class TestLanes:
    async def test_are_fixed_by_the_first(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            assert await lanes.stored_partitions(tx, HOUSE, "t") is None
            await lanes.fix_partitions(tx, HOUSE, "t", 4)
        async with database.transaction() as tx:
            await lanes.fix_partitions(tx, HOUSE, "t", 4)
            assert await lanes.stored_partitions(tx, HOUSE, "t") == 4
            with pytest.raises(lanes.PartitionsChanged, match="4 partitions and now has 6"):
                await lanes.fix_partitions(tx, HOUSE, "t", 6)


class TestIdempotency:
    async def test_repeats_the_reply_and_tells_another_request(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            assert await idempotency.begin(tx, HOUSE, "k", "POST /x", "digest", NOW) is None
            await idempotency.finish(tx, HOUSE, "k", "POST /x", 201, {"location": "/x/1"}, b"{}")
        async with database.transaction() as tx:
            again = await idempotency.begin(tx, HOUSE, "k", "POST /x", "digest", NOW)
            assert again == idempotency.Replay(201, {"location": "/x/1"}, b"{}")
            conflict = await idempotency.begin(tx, HOUSE, "k", "POST /x", "other", NOW)
            assert isinstance(conflict, idempotency.Conflict)
            assert await idempotency.begin(tx, HOUSE, "k", "POST /y", "digest", NOW) is None
        async with database.transaction() as tx:
            running = await idempotency.begin(tx, HOUSE, "k", "POST /y", "digest", NOW)
            assert isinstance(running, idempotency.Running)

    async def test_a_failed_request_leaves_its_key_free(self, database: AnyDatabase) -> None:
        async def fails() -> None:
            async with database.transaction() as tx:
                await idempotency.begin(tx, HOUSE, "k", "POST /x", "digest", NOW)
                raise KeyError

        with pytest.raises(KeyError):
            await fails()
        async with database.transaction() as tx:
            assert await idempotency.begin(tx, HOUSE, "k", "POST /x", "digest", NOW) is None

    async def test_of_requests_at_once_one_does_the_work(self, database: AnyDatabase) -> None:
        async def one() -> bool:
            async with database.transaction() as tx:
                begun = await idempotency.begin(tx, HOUSE, "k", "POST /x", "digest", NOW)
                if begun is None:
                    await idempotency.finish(tx, HOUSE, "k", "POST /x", 200, {}, b"done")
                    return True
                assert begun == idempotency.Replay(200, {}, b"done")
                return False

        outcomes = await asyncio.gather(*(one() for _ in range(6)))
        assert outcomes.count(True) == 1

    async def test_ends_after_a_day(self, database: AnyDatabase) -> None:
        later = NOW + timedelta(hours=25)
        async with database.transaction() as tx:
            await idempotency.begin(tx, HOUSE, "k", "POST /x", "digest", NOW)
            await idempotency.begin(tx, HOUSE, "l", "POST /x", "digest", NOW)
            assert await idempotency.begin(tx, HOUSE, "k", "POST /x", "other", later) is None
            assert await idempotency.prune(tx, HOUSE, later) == 1
