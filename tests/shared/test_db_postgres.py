"""What only PostgreSQL's side of the port has to prove: lost connections, restarts, claims between processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from shared.db.port import DatabaseUnavailable
from shared.db.postgres import PostgresDatabase, open_postgres
from shared.log.port import LogUnavailable
from tests.support.databases import ITEM, METADATA
from tests.support.postgres import PostgresServer, create_database

pytestmark = pytest.mark.servers
COLUMNS = ("book", "name", "amount")
KEY = ("book", "name")


@asynccontextmanager
async def opened(dsn: str, pool_size: int = 4) -> AsyncIterator[PostgresDatabase]:
    database = open_postgres(dsn, pool_size)
    try:
        await database.run_sync(METADATA.create_all)
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[PostgresDatabase]:
    async with opened(postgres_dsn) as database:
        yield database


async def write(database: PostgresDatabase, name: str) -> None:
    async with database.transaction() as tx:
        await tx.upsert(ITEM, COLUMNS, [("b", name, 1)], KEY)


async def break_off(database: PostgresDatabase, condition: str = "true") -> None:
    """End the server's other sessions on this database, as a restart does."""
    async with database.transaction() as tx:
        await tx.rows(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
            )
        )


async def test_a_look_up_searches_even_a_table_that_is_nearly_empty(database: PostgresDatabase) -> None:
    """Its plan is kept by the connection, and used when the table has grown."""
    await write(database, "a")
    sought = f"EXPLAIN SELECT amount FROM {ITEM.name} WHERE book = 'b' AND name = ANY (ARRAY['a', 'b'])"
    async with database.read() as tx:
        plan = [row[0] for row in await tx.rows(text(sought))]
    assert any("Index" in step for step in plan), plan
    assert not any("Seq Scan" in step for step in plan), plan


class TestOutage:
    async def test_a_lost_connection_is_an_outage_and_the_next_transaction_gets_another(
        self, database: PostgresDatabase
    ) -> None:
        async def broken() -> None:
            async with database.transaction() as tx:
                await tx.insert(ITEM, COLUMNS, [("b", "lost", 1)])
                await break_off(database)
                await tx.insert(ITEM, COLUMNS, [("b", "lost too", 1)])

        async def broken_at_commit() -> None:
            async with database.transaction() as tx:
                await tx.execute(insert(ITEM).values(book="b", name="lost"))
                await break_off(database)

        for way in (broken, broken_at_commit):
            with pytest.raises(DatabaseUnavailable):
                await way()
        await write(database, "kept")
        async with database.read() as tx:
            assert [row.name for row in await tx.rows(select(ITEM))] == ["kept"]

    async def test_connections_that_died_in_the_pool_are_replaced(self, database: PostgresDatabase) -> None:
        await asyncio.gather(*(write(database, f"{number}") for number in range(8)))
        await break_off(database)
        await asyncio.gather(*(write(database, f"{number}") for number in range(8)))

    @pytest.mark.parametrize("kill", [False, True])
    async def test_a_restart_is_survived_and_told(self, own_postgres: PostgresServer, kill: bool) -> None:
        async with opened(await create_database(own_postgres.dsn)) as database:
            listener = database.listen("marks")
            await write(database, "before")
            await asyncio.to_thread(own_postgres.stop, kill=kill)
            assert await database.check() is not None
            with pytest.raises(DatabaseUnavailable):
                await write(database, "during")
            await asyncio.to_thread(own_postgres.start)
            assert await database.check() is None
            await write(database, "after")
            heard = asyncio.create_task(anext(listener))
            async with asyncio.timeout(20):
                while not heard.done():
                    async with database.transaction() as tx:
                        await tx.wake("marks", "again")
                    await asyncio.wait([heard], timeout=0.05)
            assert heard.result() == "again"

    async def test_nobody_there_and_wrong_credentials_are_outages(self, postgres_dsn: str) -> None:
        url = make_url(postgres_dsn)
        for wrong in (url.set(port=1), url.set(database="nowhere"), url.set(username="nobody_of_that_name")):
            database = open_postgres(wrong.render_as_string(hide_password=False), 2)
            with pytest.raises(DatabaseUnavailable):
                await write(database, "x")
            assert await database.check() is not None
            await database.close()

    async def test_a_deadlock_is_an_outage_of_one_of_the_two(self, database: PostgresDatabase) -> None:
        await asyncio.gather(write(database, "x"), write(database, "y"))
        both_inside = asyncio.Barrier(2)

        async def one(first: str, second: str) -> None:
            async with database.transaction() as tx:
                await tx.lock(ITEM, {"book": "b", "name": first})
                await both_inside.wait()
                await tx.lock(ITEM, {"book": "b", "name": second})

        outcomes = await asyncio.gather(one("x", "y"), one("y", "x"), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DatabaseUnavailable", "NoneType"]

    async def test_a_snapshot_that_lost_the_race_is_an_outage(self, database: PostgresDatabase) -> None:
        await write(database, "x")

        async def late() -> None:
            async with database.transaction(snapshot=True) as tx:
                await tx.rows(select(ITEM))
                async with database.transaction() as other:
                    await other.execute(update(ITEM).values(amount=5))
                await tx.execute(update(ITEM).values(amount=6))

        with pytest.raises(DatabaseUnavailable):
            await late()

    async def test_a_swallowed_error_cannot_pass_for_a_commit(self, database: PostgresDatabase) -> None:
        await write(database, "x")

        async def swallow() -> None:
            async with database.transaction() as tx:
                with pytest.raises(IntegrityError):
                    await tx.insert(ITEM, COLUMNS, [("b", "x", 1)])

        with pytest.raises(RuntimeError, match="swallowed"):
            await swallow()


async def hear_of_the_loss(database: PostgresDatabase, before: Callable[[], Awaitable[None]] | None = None) -> None:
    """Hold a claim in a task that did something before, end its session, and see that the task is told."""
    holding = asyncio.Event()

    async def hold() -> None:
        if before is not None:
            await before()
        async with database.claim("relay"):
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await holding.wait()
    await break_off(database, "query LIKE '%advisory%'")
    with pytest.raises(DatabaseUnavailable, match="claim"):
        await task


class TestClaim:
    async def test_is_held_among_processes(self, postgres_dsn: str) -> None:
        async with opened(postgres_dsn) as one, opened(postgres_dsn) as other:
            async with (
                one.claim("relay t/0") as first,
                other.claim("relay t/0") as second,
                other.claim("relay t/1") as another,
            ):
                assert (first, second, another) == (True, False, True)
            async with other.claim("relay t/0") as second:
                assert second

    async def test_ends_with_the_process_that_holds_it(self, postgres_dsn: str) -> None:
        async with opened(postgres_dsn) as other:
            async with opened(postgres_dsn) as one:
                await hear_of_the_loss(one)
            async with other.claim("relay") as held:
                assert held

    async def test_its_loss_is_told_to_a_task_whose_task_group_had_failed_before(
        self, database: PostgresDatabase
    ) -> None:
        """CPython's TaskGroup leaves `cancelling()` at 1 then, to 3.12; the loop must not end as if cancelled."""

        async def refuse() -> None:
            await asyncio.sleep(0)
            raise LogUnavailable("refused")

        async def fail() -> None:
            with pytest.raises(ExceptionGroup):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(refuse())

        await hear_of_the_loss(database, fail)

    async def test_is_not_begun_when_its_session_is_lost_as_it_is_granted(
        self, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claims = database._claims
        ask = claims._ask

        async def lose_the_session(sql: str, number: int, connect: bool) -> bool:
            answer = await ask(sql, number, connect)
            if connect:
                session = claims._session
                claims._lost(session)
                session.terminate()
            return answer

        monkeypatch.setattr(claims, "_ask", lose_the_session)
        with pytest.raises(DatabaseUnavailable, match="claim"):
            async with database.claim("relay"):
                pytest.fail("it works without its claim")

    async def test_a_cancelled_holder_gives_it_up(self, postgres_dsn: str) -> None:
        async with opened(postgres_dsn) as one, opened(postgres_dsn) as other:
            for turns in range(8):

                async def hold() -> None:
                    async with one.claim("relay"):
                        await asyncio.Event().wait()

                task = asyncio.create_task(hold())
                for _ in range(turns):
                    await asyncio.sleep(0.001)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
                async with other.claim("relay") as held:
                    assert held


class TestBulk:
    async def test_two_writers_of_the_same_new_keys_agree_who_was_first(self, database: PostgresDatabase) -> None:
        async def one(order: int) -> int:
            rows = [("b", f"{number}", order) for number in range(500)][::order]
            async with database.transaction() as tx:
                return len(await tx.insert_new(ITEM, COLUMNS, rows, KEY))

        counts = await asyncio.gather(one(1), one(-1), one(1))
        assert sum(counts) == 500

    async def test_connections_keep_their_staging_tables_empty(self, database: PostgresDatabase) -> None:
        rows = [("b", f"{number}", 1) for number in range(400)]
        for _ in range(3):
            async with database.transaction() as tx:
                await tx.upsert(ITEM, COLUMNS, rows, KEY, add=["amount"])
                await tx.upsert(ITEM, COLUMNS, rows[:300], KEY, add=["amount"])
        async with database.read() as tx:
            assert await tx.row(select(func.sum(ITEM.c.amount))) == (2_100,)
