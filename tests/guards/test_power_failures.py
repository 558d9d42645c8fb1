"""What was answered outlives a power failure; it does not when commits are not synced, or are answered too early."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select

import shared.db.sqlite
import shared.log.sqlite_store
from shared.db.group_commit import GroupCommit, Wake
from shared.db.sqlite import open_sqlite
from shared.log.port import Outgoing, Partition
from shared.log.sqlite import open_sqlite_log
from shared.log.sqlite_store import Store, Wanted
from tests.guards.power import Disk, watched_disk

METADATA = MetaData()
NOTE = Table("note", METADATA, Column("number", Integer, primary_key=True))
ANSWERED = 5


async def lost_by_the_log(folder: Path) -> int:
    """Append records, each answered; return how many of them a power failure right after the last answer takes."""
    with watched_disk() as disk:
        log = open_sqlite_log(folder / "log.db")
        await log.create_topics({"notes": 1})
        for number in range(ANSWERED):
            await log.append([Outgoing("notes", 0, b"", (), str(number).encode())], 5.0)
        left = disk.fail(folder / "left")
        await log.close()
    store = Store(left / "log.db")
    place = Partition("notes", 0)
    found = store.read([Wanted(place, 0, ANSWERED, ANSWERED)])[place] if place in store.load() else []
    store.close()
    return ANSWERED - len(found)


async def lost_by_a_database(folder: Path) -> int:
    """Commit rows; return how many of them a power failure right after the last commit takes."""
    with watched_disk() as disk:
        database = open_sqlite(folder / "notes.db")
        await database.run_sync(METADATA.create_all)
        # All but the last are made durable by what comes after them.
        for number in range(ANSWERED):
            async with database.transaction() as tx:
                await tx.insert(NOTE, ["number"], [(number,)])
        left = disk.fail(folder / "left")
        await database.close()
    again = open_sqlite(left / "notes.db")
    await again.run_sync(METADATA.create_all)
    async with again.read() as tx:
        found = await tx.rows(select(NOTE))
    await again.close()
    return ANSWERED - len(found)


async def test_the_log_syncs_before_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lost_by_the_log(tmp_path / "synced") == 0
    monkeypatch.setattr(shared.log.sqlite_store, "DURABLE", ("journal_mode = WAL", "synchronous = NORMAL"))
    assert await lost_by_the_log(tmp_path / "not synced") == ANSWERED


async def test_a_database_syncs_before_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await lost_by_a_database(tmp_path / "synced") == 0
    monkeypatch.setattr(shared.db.sqlite, "DURABLE", ("journal_mode=WAL", "synchronous=NORMAL"))
    assert await lost_by_a_database(tmp_path / "not synced") == ANSWERED


async def test_a_transaction_ends_after_the_commit_of_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await lost_by_a_database(tmp_path / "waited for") == 0

    async def leave_at_once(self: GroupCommit, wakes: Sequence[Wake]) -> None:
        waiting = asyncio.create_task(leave(self, wakes))
        await asyncio.sleep(0)
        waiting.add_done_callback(lambda done: done.result())

    leave = GroupCommit.leave
    monkeypatch.setattr(GroupCommit, "leave", leave_at_once)
    assert await lost_by_a_database(tmp_path / "not waited for") >= 1


def test_a_disk_keeps_what_was_synced_and_nothing_else(tmp_path: Path) -> None:
    with watched_disk() as disk:
        store = Store(tmp_path / "log.db")
        before = disk.syncs
        store._writing.execute("PRAGMA synchronous = OFF")
        store._writing.execute("CREATE TABLE unsafe (number INTEGER)")
        assert disk.syncs == before
        left = Disk.fail(disk, tmp_path / "left")
        store.close()
    found = Store(left / "log.db")
    tables = {name for (name,) in found._writing.execute("SELECT name FROM sqlite_master").fetchall()}
    found.close()
    assert "record" in tables
    assert "unsafe" not in tables
