"""What only the log in a file has to stand: kill -9, a second process, a full disk, many small appends."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import FrozenClock
from shared.log.port import LogUnavailable, Outgoing, Partition, Record
from shared.log.sqlite import LogInUse, SqliteLog, open_sqlite_log
from shared.log.sqlite_store import Store

PROJECT = Path(__file__).parents[2]
APPENDING_CHILD = """
import asyncio, os, sys
from pathlib import Path
from shared.log.port import Outgoing
from shared.log.sqlite import open_sqlite_log

async def append_for_ever(log, lane):
    number = 0
    while True:
        await log.append([Outgoing("facts", lane, b"key", (), b"%d:%d" % (lane, number))], 10)
        os.write(1, b"%d:%d\\n" % (lane, number))
        number += 1

async def main():
    log = open_sqlite_log(Path(sys.argv[1]))
    await log.create_topics({"facts": 3})
    await asyncio.gather(*(append_for_ever(log, lane) for lane in range(3)))

asyncio.run(main())
"""


def append_and_be_killed(path: Path) -> list[bytes]:
    """Let another process append to a log, kill it in the middle of that, return what it had confirmed."""
    command = [sys.executable, "-c", APPENDING_CHILD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(400)]
        child.kill()
        lines += child.stdout.readlines()
    # A line cut by the kill is no confirmation.
    return [line.strip() for line in lines if line.endswith(b"\n")]


async def read_all(log: SqliteLog, topic: str, wait_s: float = 0) -> list[Record]:
    """Read from the start until nothing has come for `wait_s`."""

    async def ignore(partitions: Sequence[Partition]) -> None:
        return

    reader = log.reader("group", [topic], ignore, ignore)
    await reader.start()
    found: list[Record] = []
    while batch := await reader.read_batch(1000, wait_s):
        for records in batch.values():
            found.extend(records)
    await reader.close()
    return found


def outgoing(number: int, value: bytes = b"") -> Outgoing:
    return Outgoing("facts", 0, b"key", (), value or f"fact {number}".encode())


async def test_everything_confirmed_before_a_kill_is_there_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    for _ in range(3):
        confirmed = append_and_be_killed(path)
        log = open_sqlite_log(path)
        found = await read_all(log, "facts")
        values = {record.value for record in found}
        assert len(confirmed) >= 400
        assert set(confirmed) <= values
        for lane in range(3):
            offsets = [record.offset for record in found if record.partition == lane]
            assert offsets == list(range(len(offsets)))
        await log.append([Outgoing("facts", 0, b"key", (), b"after")], 10)
        assert len(await read_all(log, "facts")) == len(found) + 1
        await log.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_one_file_has_one_owner(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = open_sqlite_log(path)
    with pytest.raises(LogInUse):
        open_sqlite_log(path)
    await log.close()
    again = open_sqlite_log(path)
    await again.close()


async def test_a_log_opened_again_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "folder with a space" / "log#1.db"
    for turn in range(3):
        log = open_sqlite_log(path)
        await log.create_topics({"facts": 2})
        assert await log.end_offsets("facts") == {0: turn, 1: 0}
        await log.append([outgoing(turn)], 10)
        await log.close()
    log = open_sqlite_log(path)
    assert [record.value for record in await read_all(log, "facts")] == [b"fact 0", b"fact 1", b"fact 2"]
    await log.close()


async def test_appends_that_wait_together_share_commits(tmp_path: Path) -> None:
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({"facts": 1})
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    log._store._writing.set_trace_callback(count)
    await asyncio.gather(*(log.append([outgoing(number)], 10) for number in range(500)))
    await log.close()
    assert 1 <= commits < 250


async def test_an_append_given_up_by_its_caller_is_still_read(tmp_path: Path) -> None:
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({"facts": 1})
    holder = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnavailable, match=r"did not confirm within 0\.2 s"):
        await log.append([outgoing(1)], 0.2)
    holder.execute("ROLLBACK")
    holder.close()
    assert [record.value for record in await read_all(log, "facts", wait_s=2)] == [b"fact 1"]
    await log.close()


async def test_a_full_disk_confirms_nothing_and_leaves_the_log_whole(tmp_path: Path) -> None:
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({"facts": 1})
    await log.append([outgoing(0)], 10)
    pages = log._store._writing.execute("PRAGMA page_count").fetchone()[0]
    log._store._writing.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LogUnavailable, match="full"):
        await log.append([outgoing(1, bytes(100_000))], 10)
    log._store._writing.execute(f"PRAGMA max_page_count = {pages + 1000}")
    await log.append([outgoing(2)], 10)
    found = await read_all(log, "facts")
    assert [(record.offset, record.value) for record in found] == [(0, b"fact 0"), (1, b"fact 2")]
    await log.close()


async def test_records_carry_the_clocks_time(tmp_path: Path) -> None:
    moment = datetime(2020, 4, 30, 12, tzinfo=UTC)
    log = open_sqlite_log(None, FrozenClock(moment))
    await log.create_topics({"facts": 1})
    await log.append([outgoing(0)], 10)
    assert [record.timestamp_ms for record in await read_all(log, "facts")] == [int(moment.timestamp() * 1000)]
    await log.close()


async def test_the_loop_is_not_held_up_by_large_reads_and_appends(tmp_path: Path) -> None:
    log = open_sqlite_log(tmp_path / "log.db")
    await log.create_topics({"facts": 1})
    longest_s = 0.0
    stop = asyncio.Event()

    async def watch() -> None:
        nonlocal longest_s
        while not stop.is_set():
            # Processor time of the loop's own thread: what others use of a busy machine does not count.
            began = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began)

    records = [outgoing(number, bytes(400)) for number in range(60_000)]
    watching = asyncio.create_task(watch())
    await log.append(records, 30)
    assert len(await read_all(log, "facts")) == 60_000
    stop.set()
    await watching
    await log.close()
    # Done on the loop, the append alone takes more than twice that (measured).
    assert longest_s < 0.1, longest_s


def test_the_file_is_synced_before_a_commit_returns(tmp_path: Path) -> None:
    store = Store(tmp_path / "log.db")
    assert store._writing.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._writing.execute("PRAGMA synchronous").fetchone() == (2,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._reading.execute("DELETE FROM record")
    store.close()
