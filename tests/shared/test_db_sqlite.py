"""What only SQLite's side of the port has to prove: one writer, one process, one commit for many, kept over kill -9."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from shared.db.port import DatabaseUnavailable
from shared.db.sqlite import SqliteDatabase, open_sqlite
from tests.support.databases import ITEM, METADATA

COLUMNS = ("book", "name", "amount")
KEEP_WRITING = """
import asyncio, sys
from pathlib import Path
from shared.db.sqlite import open_sqlite
from tests.support.databases import ITEM, METADATA

async def main():
    database = open_sqlite(Path(sys.argv[1]))
    await database.run_sync(METADATA.create_all)

    async def write(number):
        async with database.transaction() as tx:
            await tx.insert(ITEM, ("book", "name"), [("b", str(number))])
        print(number, flush=True)

    for start in range(0, 1_000_000, 5):
        await asyncio.gather(*(write(number) for number in range(start, start + 5)))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = open_sqlite(path)
    await database.run_sync(METADATA.create_all)
    yield database
    await database.close()


async def write(database: SqliteDatabase, name: str) -> None:
    async with database.transaction() as tx:
        await tx.insert(ITEM, COLUMNS, [("b", name, 1)])
        await asyncio.sleep(0)


async def names(database: SqliteDatabase) -> set[str]:
    async with database.read() as tx:
        return {row.name for row in await tx.rows(select(ITEM.c.name))}


class TestGroup:
    async def test_shares_commits_among_those_who_queue(self, database: SqliteDatabase) -> None:
        statements: list[str] = []
        database._writer.driver.set_trace_callback(statements.append)
        await asyncio.gather(*(write(database, f"{number}") for number in range(200)))
        assert len(await names(database)) == 200
        assert statements.count("COMMIT") < 40
        assert statements.count("COMMIT") == statements.count("BEGIN IMMEDIATE")

    async def test_a_failed_commit_fails_all_of_it_and_the_next_goes_on(self, database: SqliteDatabase) -> None:
        database._writer.run("PRAGMA foreign_keys=ON")
        async with database.transaction() as tx:
            await tx.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
            await tx.execute(
                text("CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
            )

        async def orphan() -> None:
            async with database.transaction() as tx:
                await tx.execute(text("INSERT INTO child VALUES (1)"))
                await asyncio.sleep(0)

        outcomes = await asyncio.gather(write(database, "a"), orphan(), write(database, "b"), return_exceptions=True)
        # A slow machine may have committed the first alone; the orphan's group is lost in any case.
        assert isinstance(outcomes[1], DatabaseUnavailable)
        kept = {name for name, outcome in zip("a-b", outcomes, strict=True) if outcome is None}
        assert await names(database) == kept
        await write(database, "c")
        assert await names(database) == {*kept, "c"}

    async def test_a_full_disk_is_an_outage_of_one_transaction(self, database: SqliteDatabase) -> None:
        await write(database, "before")
        database._writer.run("PRAGMA max_page_count=40")

        async def large() -> None:
            async with database.transaction() as tx:
                await tx.insert(ITEM, ("book", "name", "body"), [("b", "large", b"x" * 1_000_000)])

        outcomes = await asyncio.gather(write(database, "1"), large(), write(database, "2"), return_exceptions=True)
        assert isinstance(outcomes[1], DatabaseUnavailable)
        kept = {name for name, outcome in zip("1-2", outcomes, strict=True) if outcome is None}
        assert await names(database) == {"before", *kept}
        await write(database, "after")

    async def test_one_who_is_cancelled_in_line_lets_the_others_through(self, database: SqliteDatabase) -> None:
        tasks = [asyncio.create_task(write(database, f"{number}")) for number in range(30)]
        for turn in range(3):
            await asyncio.sleep(0)
            for task in tasks[turn::3]:
                if turn:
                    task.cancel()
        await asyncio.wait(tasks)
        done = {f"{number}" for number, task in enumerate(tasks) if not task.cancelled()}
        assert {f"{number}" for number in range(0, 30, 3)} <= done
        assert done <= await names(database)
        await write(database, "after")

    async def test_inside_another_one_of_the_same_task_is_a_mistake(self, database: SqliteDatabase) -> None:
        async with database.transaction():
            with pytest.raises(RuntimeError, match="inside a transaction"):
                async with database.transaction():
                    pass

    async def test_closing_waits_for_those_under_way(self, path: Path) -> None:
        database = open_sqlite(path)
        await database.run_sync(METADATA.create_all)
        tasks = [asyncio.create_task(write(database, f"{number}")) for number in range(20)]
        await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*tasks)
        again = open_sqlite(path)
        assert len(await names(again)) == 20
        await again.close()


class TestFile:
    async def test_is_synced_on_every_commit_and_read_without_checkpoints(self, database: SqliteDatabase) -> None:
        async with database.transaction() as tx:
            assert await tx.row(text("PRAGMA journal_mode")) == ("wal",)
            assert await tx.row(text("PRAGMA synchronous")) == (2,)
        async with database.read() as tx:
            assert await tx.row(text("PRAGMA wal_autocheckpoint")) == (0,)

    async def test_cannot_be_opened_twice(self, database: SqliteDatabase, path: Path) -> None:
        with pytest.raises(DatabaseUnavailable, match="open in another process"):
            open_sqlite(path)
        await database.close()
        await open_sqlite(path).close()

    async def test_keeps_what_was_confirmed_over_kill_9(self, path: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KEEP_WRITING, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        confirmed: list[str] = []
        async with asyncio.timeout(60):
            while len(confirmed) < 300:
                confirmed.append((await process.stdout.readline()).decode().strip())
        with pytest.raises(DatabaseUnavailable):
            open_sqlite(path)
        process.kill()
        confirmed += (await process.stdout.read()).decode().split()
        await process.wait()
        database = open_sqlite(path)
        assert set(confirmed) <= await names(database)
        await database.close()

    async def test_leaves_no_wal_behind_when_closed(self, path: Path) -> None:
        database = open_sqlite(path)
        await database.run_sync(METADATA.create_all)
        await names(database)
        await database.close()
        assert not path.with_name("test.db-wal").exists()
