"""The database port's contract, over every backend."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.clock import FrozenClock
from shared.db.port import DatabaseUnavailable, Tx
from tests.support.databases import ITEM, METADATA, AnyDatabase, Backend

COLUMNS = ("book", "name", "amount")
KEY = ("book", "name")


async def amounts(tx: Tx) -> dict[str, int]:
    rows = await tx.rows(select(ITEM.c.name, ITEM.c.amount).order_by(ITEM.c.name))
    return {row.name: row.amount for row in rows}


async def stored(database: AnyDatabase) -> dict[str, int]:
    async with database.read() as tx:
        return await amounts(tx)


class TestTransaction:
    async def test_commits_on_leaving_and_rolls_back_on_an_error(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "kept", 1)])

        async def fails() -> None:
            async with database.transaction() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", "lost", 1)])
                raise KeyError

        with pytest.raises(KeyError):
            await fails()
        assert await stored(database) == {"kept": 1}

    async def test_a_failing_one_takes_nobody_with_it(self, database: AnyDatabase) -> None:
        async def one(number: int) -> None:
            async with database.transaction() as tx:
                await tx.upsert(ITEM, COLUMNS, [("b", f"{number % 5}", 1)], KEY, add=["amount"])
                await asyncio.sleep(0)
                if number % 10 == 3:
                    raise KeyError(number)

        outcomes = await asyncio.gather(*(one(number) for number in range(100)), return_exceptions=True)
        assert sum(isinstance(outcome, KeyError) for outcome in outcomes) == 10
        assert sum(outcome is None for outcome in outcomes) == 90
        assert await stored(database) == {"0": 20, "1": 20, "2": 20, "3": 10, "4": 20}

    async def test_what_is_written_is_there_for_another_transaction_at_once(self, database: AnyDatabase) -> None:
        async def one(number: int) -> None:
            name = f"{number}"
            async with database.transaction() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", name, 1)])
            async with database.read() as tx:
                assert await tx.row(select(ITEM).where(ITEM.c.name == name)) is not None

        await asyncio.gather(*(one(number) for number in range(50)))

    async def test_a_cancelled_one_leaves_nothing_and_the_next_goes_on(self, database: AnyDatabase) -> None:
        inside = asyncio.Event()

        async def stuck() -> None:
            async with database.transaction() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", "stuck", 1)])
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(stuck())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "next", 1)])
        assert await stored(database) == {"next": 1}

    async def test_cannot_be_used_after_its_block(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            pass
        with pytest.raises(RuntimeError, match="ended"):
            await tx.rows(select(ITEM))

    async def test_has_one_instant_from_the_clock(self, backend: Backend) -> None:
        moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        database = backend.open(FrozenClock(moment))
        async with database.transaction() as tx:
            assert tx.now == moment
        async with database.read() as tx:
            assert tx.now == moment

    async def test_breaking_a_constraint_is_an_integrity_error(self, database: AnyDatabase) -> None:
        with pytest.raises(IntegrityError):
            async with database.transaction() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", "x", 1), ("b", "x", 2)])
        with pytest.raises(IntegrityError):
            async with database.transaction() as tx:
                await tx.execute(insert(ITEM), [{"book": "b", "name": "x"}, {"book": "b", "name": "x"}])
        assert await stored(database) == {}

    async def test_a_wrong_statement_is_not_taken_for_an_outage(self, database: AnyDatabase) -> None:
        with pytest.raises(DBAPIError):
            async with database.transaction() as tx:
                await tx.execute(text("SELEC nonsense"))
        assert await database.check() is None

    async def test_a_closed_database_is_unavailable(self, database: AnyDatabase) -> None:
        await database.close()
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction():
                pass
        assert await database.check() is not None


class TestStatements:
    async def test_execute_counts_rows(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "x", 1), ("b", "y", 1)])
            assert await tx.execute(update(ITEM).values(amount=2)) == 2
            assert await tx.execute(update(ITEM).where(ITEM.c.name == "z").values(amount=2)) == 0

    async def test_row_is_the_first_or_none(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "x", 1), ("b", "y", 2)])
            row = await tx.row(select(ITEM.c.amount).order_by(ITEM.c.name))
            assert row is not None
            assert row.amount == 1
            assert await tx.row(select(ITEM).where(ITEM.c.name == "z")) is None

    async def test_values_of_every_type_come_back(self, database: AnyDatabase) -> None:
        moment = datetime(1931, 2, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=5)))
        notes = {"words": ["ä", None, 1.5], "deep": {"flag": True}}
        columns = ("book", "name", "at", "notes", "body")
        async with database.transaction() as tx:
            await tx.insert(ITEM, columns, [("b", f"{n:03}", moment, notes, b"\0\xff") for n in range(300)])
            await tx.insert(ITEM, columns, [("b", "few", moment, notes, b""), ("b", "none", None, None, None)])
        async with database.read() as tx:
            wanted = select(ITEM.c.at, ITEM.c.notes, ITEM.c.body)
            assert await tx.row(wanted.where(ITEM.c.name == "299")) == (moment, notes, b"\0\xff")
            assert await tx.row(wanted.where(ITEM.c.name == "few")) == (moment, notes, b"")
            assert await tx.row(wanted.where(ITEM.c.name == "none")) == (None, None, None)
            row = await tx.row(select(func.max(ITEM.c.at)))
            assert row is not None
            assert row[0].utcoffset() == timedelta(0)

    async def test_a_moment_without_a_zone_is_refused(self, database: AnyDatabase) -> None:
        naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point of the test
        with pytest.raises(ValueError, match="zone"):
            async with database.transaction() as tx:
                await tx.insert(ITEM, ("book", "name", "at"), [("b", "x", naive)])

    async def test_many_rows_come_back_whole(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", f"{n:05}", n) for n in range(3_000)])
            assert len(await tx.rows(select(ITEM))) == 3_000
        async with database.read() as tx:
            rows = await tx.rows(select(ITEM.c.amount).order_by(ITEM.c.name))
        assert [row[0] for row in rows] == list(range(3_000))

    async def test_no_rows_are_no_work(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [])
            await tx.upsert(ITEM, COLUMNS, [], KEY)
            assert await tx.insert_new(ITEM, COLUMNS, [], KEY) == set()


@pytest.mark.parametrize("count", [1, 150, 1_000])
class TestInsertNew:
    async def test_tells_new_from_known(self, database: AnyDatabase, count: int) -> None:
        first = [("b", f"{n}", 1) for n in range(count)]
        async with database.transaction() as tx:
            assert await tx.insert_new(ITEM, COLUMNS, first, KEY) == {("b", f"{n}") for n in range(count)}
        more = [("b", f"{n}", 2) for n in range(count * 2)]
        async with database.transaction() as tx:
            assert await tx.insert_new(ITEM, COLUMNS, more, KEY) == {("b", f"{n}") for n in range(count, count * 2)}
            assert await tx.insert_new(ITEM, COLUMNS, more, KEY) == set()
        found = await stored(database)
        assert found == {f"{n}": 1 if n < count else 2 for n in range(count * 2)}

    async def test_the_first_of_repeated_rows_wins(self, database: AnyDatabase, count: int) -> None:
        rows = [("b", f"{n}", value) for n in range(count) for value in (1, 2)]
        async with database.transaction() as tx:
            assert len(await tx.insert_new(ITEM, COLUMNS, rows, KEY)) == count
        assert set((await stored(database)).values()) == {1}


@pytest.mark.parametrize("count", [1, 150, 1_000])
class TestUpsert:
    async def test_replaces_adds_and_keeps_extremes(self, database: AnyDatabase, count: int) -> None:
        columns = ("book", "name", "amount", "low", "high", "body")
        async with database.transaction() as tx:
            for amount, low, high, body in (
                (1, 5, 5, b"1"),
                (10, 3, 3, b"2"),
                (100, 9, 9, b"3"),
                (0, None, None, b"4"),
            ):
                rows = [("b", f"{n}", amount, low, high, body) for n in range(count)]
                await tx.upsert(ITEM, columns, rows, KEY, add=["amount"], least=["low"], greatest=["high"])
        async with database.read() as tx:
            rows_found = await tx.rows(select(ITEM.c.amount, ITEM.c.low, ITEM.c.high, ITEM.c.body))
        assert [tuple(row) for row in rows_found] == [(111, 3, 9, b"4")] * count

    async def test_a_rolled_back_one_can_be_done_again(self, database: AnyDatabase, count: int) -> None:
        rows = [("b", f"{n}", 1) for n in range(count)]

        async def fails() -> None:
            async with database.transaction() as tx:
                await tx.upsert(ITEM, COLUMNS, rows, KEY, add=["amount"])
                raise KeyError

        for _ in range(2):
            with pytest.raises(KeyError):
                await fails()
        async with database.transaction() as tx:
            await tx.upsert(ITEM, COLUMNS, rows, KEY, add=["amount"])
        assert set((await stored(database)).values()) == {1}

    async def test_a_key_twice_is_a_mistake(self, database: AnyDatabase, count: int) -> None:
        rows = [("b", f"{n}", 1) for n in range(count)]
        with pytest.raises(ValueError, match="twice"):
            async with database.transaction() as tx:
                await tx.upsert(ITEM, COLUMNS, [*rows, rows[0]], KEY)

    async def test_writers_in_other_orders_do_not_deadlock(self, database: AnyDatabase, count: int) -> None:
        names = [f"{n}" for n in range(count)]

        async def one(number: int) -> None:
            async with database.transaction() as tx:
                order = names[:: 1 if number % 2 else -1]
                await tx.upsert(ITEM, COLUMNS, [("b", name, 1) for name in order], KEY, add=["amount"])

        await asyncio.gather(*(one(number) for number in range(6)))
        assert set((await stored(database)).values()) == {6}


class TestLock:
    async def test_holds_off_other_writers(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "x", 0)])

        async def one() -> None:
            async with database.transaction() as tx:
                row = await tx.lock(ITEM, {"book": "b", "name": "x"})
                assert row is not None
                await asyncio.sleep(0)
                await tx.execute(update(ITEM).values(amount=row.amount + 1))

        await asyncio.gather(*(one() for _ in range(20)))
        assert await stored(database) == {"x": 20}

    async def test_of_a_missing_row_is_none(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            assert await tx.lock(ITEM, {"book": "b", "name": "x"}, shared=True) is None


class TestRead:
    async def test_cannot_write(self, database: AnyDatabase) -> None:
        with pytest.raises(DBAPIError):
            async with database.read() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", "x", 1)])
        with pytest.raises(DBAPIError):
            async with database.read() as tx:
                await tx.execute(insert(ITEM).values(book="b", name="x"))
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "y", 1)])
        assert await stored(database) == {"y": 1}

    async def test_sees_one_instant(
        self, request: pytest.FixtureRequest, backend: Backend, database: AnyDatabase
    ) -> None:
        if backend.place is None:
            reason = "in memory a reader takes its turn with the writer"
            request.applymarker(pytest.mark.xfail(strict=True, raises=RuntimeError, reason=reason))
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", "x", 1)])
        async with database.read() as reader:
            assert await amounts(reader) == {"x": 1}
            async with database.transaction() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", "y", 1)])
            assert await amounts(reader) == {"x": 1}
        assert await stored(database) == {"x": 1, "y": 1}

    async def test_many_at_once(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", f"{n}", n) for n in range(100)])
        found = await asyncio.gather(*(stored(database) for _ in range(40)))
        assert all(len(one) == 100 for one in found)

    async def test_a_cancelled_one_does_no_harm(self, database: AnyDatabase) -> None:
        async with database.transaction() as tx:
            await tx.insert(ITEM, COLUMNS, [("b", f"{n}", n) for n in range(1_000)])
        for turns in range(6):
            task = asyncio.create_task(stored(database))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        assert len(await stored(database)) == 1_000

    async def test_a_snapshot_transaction_sees_one_instant_and_may_write(self, database: AnyDatabase) -> None:
        async with database.transaction(snapshot=True) as tx:
            assert await amounts(tx) == {}
            await tx.insert(ITEM, COLUMNS, [("b", "x", 1)])
            assert await amounts(tx) == {"x": 1}
        assert await stored(database) == {"x": 1}


class TestClaim:
    async def test_has_one_holder(self, database: AnyDatabase) -> None:
        async with database.claim("one") as first, database.claim("one") as second, database.claim("two") as other:
            assert (first, second, other) == (True, False, True)
        async with database.claim("one") as again:
            assert again

    async def test_is_free_after_an_error(self, database: AnyDatabase) -> None:
        with pytest.raises(KeyError):
            async with database.claim("one"):
                raise KeyError
        async with database.claim("one") as again:
            assert again


class TestWake:
    async def test_reaches_listeners_after_the_commit_only(self, database: AnyDatabase) -> None:
        listener = database.listen("marks")
        other = database.listen("others")
        await self._until_heard(database, listener)

        async def fails() -> None:
            async with database.transaction() as tx:
                await tx.wake("marks", "never")
                raise KeyError

        with pytest.raises(KeyError):
            await fails()
        async with database.transaction() as tx:
            await tx.wake("others", "elsewhere")
            await tx.wake("marks", "auto")
        async with asyncio.timeout(10):
            assert await anext(listener) == "auto"
            assert await anext(other) == "elsewhere"

    async def test_the_same_payload_is_told_once(self, database: AnyDatabase) -> None:
        listener = database.listen("marks")
        await self._until_heard(database, listener)
        for payload in ("a", "a", "b", "a", "end"):
            async with database.transaction() as tx:
                await tx.wake("marks", payload)
        heard = []
        async with asyncio.timeout(10):
            while (payload := await anext(listener)) != "end":
                heard.append(payload)
                # Leave room for the rest to arrive, so that the coalescing is seen.
                await stored(database)
        assert set(heard) == {"a", "b"}
        assert len(heard) <= 4

    async def test_listening_ends_with_the_database(self, database: AnyDatabase) -> None:
        listener = database.listen("marks")
        waiting = asyncio.create_task(anext(listener, None))
        await asyncio.sleep(0)
        await database.close()
        assert await waiting is None
        assert [payload async for payload in database.listen("marks")] == []

    @staticmethod
    async def _until_heard(database: AnyDatabase, listener: object) -> None:
        """Wake until the listener hears: on PostgreSQL it listens only from soon on."""
        number = 0
        async with asyncio.timeout(10):
            first = asyncio.create_task(anext(listener))  # type: ignore[call-overload]
            while not first.done():
                number += 1
                async with database.transaction() as tx:
                    await tx.wake("marks", f"warm-up {number}")
                await asyncio.wait([first], timeout=0.02)
            last = first.result()
            while last != f"warm-up {number}":
                last = await anext(listener)  # type: ignore[call-overload]


async def test_the_schema_can_be_made_twice(database: AnyDatabase) -> None:
    await database.run_sync(METADATA.create_all)
    assert await stored(database) == {}
