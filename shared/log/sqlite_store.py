"""The file behind the SQLite log: its tables, its one writing connection, its one reading connection.

`Store` is synchronous. `Writer` is the one thread that writes a file: appends that wait together are one transaction
(group commit), so that many small appends cost one sync of the disk.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from shared.kernel.ids import new_id
from shared.log.port import Headers, LogUnavailable, Outgoing, Partition, Record

DURABLE = ("journal_mode = WAL", "synchronous = FULL")
"""A commit is on the disk before anybody is told of it: with less, a power failure takes back what was answered."""
_OFFSET_BITS = 40
_LAST_OFFSET = (1 << _OFFSET_BITS) - 1
_COMMIT_RECORDS_MAX = 20_000
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS lane (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, part INTEGER NOT NULL,"
    " UNIQUE (topic, part))",
    # The place of a record is its lane's id and its offset in one integer: a lane's records lie together, in order.
    "CREATE TABLE IF NOT EXISTS record (place INTEGER PRIMARY KEY, key BLOB NOT NULL, headers BLOB NOT NULL,"
    " value BLOB NOT NULL, timestamp_ms INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS compacted (topic TEXT PRIMARY KEY) WITHOUT ROWID",
    # Where the last record of each key of a compacted topic is: what a later one of that key takes away.
    "CREATE TABLE IF NOT EXISTS latest (lane INTEGER, key BLOB, place INTEGER NOT NULL, PRIMARY KEY (lane, key))"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL)",
)
_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(Headers).decode

Ends = dict[Partition, int]
"""The next offset of each partition."""


class Grown(NamedTuple):
    """What a commit changed: where partitions end now, and the records that came (but those of compacted topics)."""

    ends: Ends
    records: Sequence[Record]


class NewTopic(NamedTuple):
    """A topic to create."""

    name: str
    partitions: int
    compacted: bool


class Wanted(NamedTuple):
    """What a reader asks of one partition: at most so many records from an offset up to the end that it knows of."""

    partition: Partition
    offset: int
    end: int
    limit: int


class Store:
    """The tables of one log. Writing methods belong to one thread, `read` to one other."""

    def __init__(self, path: Path | None) -> None:
        """Open or create a file; None keeps everything in memory."""
        self._writing = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        if path is not None:
            for pragma in DURABLE:
                self._writing.execute(f"PRAGMA {pragma}")
        # What a compacted topic lets go of is personal data: it is overwritten, not only taken off the tables.
        self._writing.execute("PRAGMA secure_delete = ON")
        for statement in _SCHEMA:
            self._writing.execute(statement)
        self.identity = self._identify()
        self._reading = self._writing
        if path is not None:
            # SQLite before 3.51.3 can lose commits when two connections write or checkpoint at once (its WAL-reset
            # bug), so this one can do neither.
            read_only = f"{path.resolve().as_uri()}?mode=ro"
            self._reading = sqlite3.connect(read_only, uri=True, isolation_level=None, check_same_thread=False)
            self._reading.execute("PRAGMA wal_autocheckpoint = 0")
        self._lanes: dict[Partition, int] = {}
        self._compacted: set[str] = set()
        self._next: Ends = {}
        self.load()

    def _identify(self) -> str:
        """Return the id of this log; one that has none yet is given one."""
        found = self._writing.execute("SELECT id FROM identity").fetchone()
        if found is None:
            found = (new_id(),)
            self._writing.execute("INSERT INTO identity VALUES (?)", found)
        return str(found[0])

    def load(self) -> Ends:
        """Read the next offsets of all partitions from the tables."""
        found: Ends = {}
        for lane, topic, part in self._writing.execute("SELECT id, topic, part FROM lane").fetchall():
            partition = Partition(topic, part)
            self._lanes[partition] = lane
            first = lane << _OFFSET_BITS
            (last,) = self._writing.execute(
                "SELECT max(place) FROM record WHERE place BETWEEN ? AND ?", (first, first + _LAST_OFFSET)
            ).fetchone()
            # Also true of a compacted topic: the last record of a lane is the last one of its key.
            found[partition] = 0 if last is None else last - first + 1
        self._compacted = {topic for (topic,) in self._writing.execute("SELECT topic FROM compacted").fetchall()}
        self._next = found
        return dict(found)

    def create(self, topics: Sequence[NewTopic]) -> Grown:
        """Create the topics that do not exist; return the next offsets of all partitions."""
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            for topic, partitions, compacted in topics:
                if self._writing.execute("SELECT 1 FROM topic WHERE name = ?", (topic,)).fetchone():
                    continue
                self._writing.execute("INSERT INTO topic VALUES (?, ?)", (topic, partitions))
                if compacted:
                    self._writing.execute("INSERT INTO compacted VALUES (?)", (topic,))
                self._writing.executemany(
                    "INSERT INTO lane (topic, part) VALUES (?, ?)", [(topic, part) for part in range(partitions)]
                )
            self._writing.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        return Grown(self.load(), ())

    def append(self, records: Sequence[Outgoing], timestamp_ms: int) -> Grown:
        """Append in one transaction; return what that changed, once it has committed."""
        grown: Ends = {}
        come: list[Record] = []
        rows: list[tuple[int, bytes, bytes, bytes, int]] = []
        latest: dict[tuple[int, bytes], int] = {}
        for topic, part, key, headers, value in records:
            partition = Partition(topic, part)
            offset = grown.get(partition)
            if offset is None:
                offset = self._next[partition]
            rows.append(
                ((self._lanes[partition] << _OFFSET_BITS) | offset, key, _encode_headers(headers), value, timestamp_ms)
            )
            grown[partition] = offset + 1
            if topic in self._compacted:
                latest[self._lanes[partition], key] = rows[-1][0]
            else:
                come.append(Record(topic, part, offset, key, headers, value, timestamp_ms))
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            self._writing.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
            if latest:
                self._compact(rows, latest)
            self._writing.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            # A commit that failed may have happened: only the tables know where the next record goes.
            self.load()
            raise
        self._next.update(grown)
        return Grown(grown, come)

    def _compact(
        self, rows: Sequence[tuple[int, bytes, bytes, bytes, int]], latest: dict[tuple[int, bytes], int]
    ) -> None:
        """Remove what the rows that were just written make old, here or among themselves."""
        older = [(place,) for place, key, *_ in rows if latest.get((place >> _OFFSET_BITS, key), place) != place]
        keys = list(latest)
        self._writing.executemany("DELETE FROM record WHERE place = ?", older)
        self._writing.executemany(
            "DELETE FROM record WHERE place = (SELECT place FROM latest WHERE lane = ? AND key = ?)", keys
        )
        self._writing.executemany(
            "INSERT INTO latest VALUES (?, ?, ?) ON CONFLICT (lane, key) DO UPDATE SET place = excluded.place",
            [(*one, place) for one, place in latest.items()],
        )

    def read(self, wanted: Sequence[Wanted]) -> dict[Partition, list[Record]]:
        """Return records of some partitions, in offset order; none behind the ends that the caller knows of."""
        found: dict[Partition, list[Record]] = {}
        for partition, offset, end, limit in wanted:
            first = self._lanes[partition] << _OFFSET_BITS
            rows = self._reading.execute(
                "SELECT place, key, headers, value, timestamp_ms FROM record"
                " WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?",
                (first + offset, first + end - 1, limit),
            )
            found[partition] = [
                Record(*partition, place - first, key, _decode_headers(headers), value, timestamp_ms)
                for place, key, headers, value, timestamp_ms in rows
            ]
        return found

    def close(self) -> None:
        """Close both connections, the writing one last because it alone may checkpoint."""
        self._reading.close()
        self._writing.close()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._writing.execute("ROLLBACK")


class _Job(NamedTuple):
    """One waiting caller: records to append, or topics to create."""

    records: Sequence[Outgoing]
    topics: Sequence[NewTopic]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Writer:
    """The thread that alone writes one store."""

    def __init__(self, store: Store, now_ms: Callable[[], int], committed: Callable[[Grown], None]) -> None:
        """Start the thread; `now_ms` stamps records, `committed` is told what came on the callers' event loop."""
        self._store, self._now_ms, self._committed = store, now_ms, committed
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite log writer", daemon=True)
        self._thread.start()

    def submit(self, records: Sequence[Outgoing], topics: Sequence[NewTopic]) -> asyncio.Future[None]:
        """Queue one job; the future is done once it has committed. A cancelled one that has not begun is dropped."""
        loop = asyncio.get_running_loop()
        job = _Job(records, topics, loop, loop.create_future())
        self._jobs.put(job)
        return job.done

    def stop(self, timeout_s: float) -> bool:
        """Do what is queued and end; tell whether that went in time."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        going = True
        while going:
            job = self._jobs.get()
            jobs: list[_Job] = []
            count = 0
            while True:
                if job is None:
                    going = False
                    break
                if not job.done.cancelled():
                    jobs.append(job)
                    count += len(job.records)
                if count >= _COMMIT_RECORDS_MAX:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            self._commit(jobs)

    def _commit(self, jobs: Sequence[_Job]) -> None:
        appends = [job for job in jobs if not job.topics]
        for job in jobs:
            if job.topics:
                self._settle([job], partial(self._store.create, job.topics))
        if appends:
            together = [record for job in appends for record in job.records]
            self._settle(appends, lambda: self._store.append(together, self._now_ms()))

    def _settle(self, jobs: Sequence[_Job], work: Callable[[], Grown]) -> None:
        """Run `work`, then tell each waiting caller on its own event loop how it went."""
        grown = Grown({}, ())
        failure: Exception | None = None
        try:
            grown = work()
        except sqlite3.Error as error:
            failure = LogUnavailable(f"the log's file cannot be written: {error}")
        except Exception as error:  # noqa: BLE001 - the callers get it; the thread has to go on for the others
            failure = error
        for job in jobs:
            # A loop that has closed meanwhile has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                job.loop.call_soon_threadsafe(self._tell, job.done, grown, failure)
                grown = grown._replace(records=())

    def _tell(self, done: asyncio.Future[None], grown: Grown, failure: Exception | None) -> None:
        if failure is None:
            # Also when the caller has given up waiting: the records are there and have to be read.
            self._committed(grown)
        if done.done():
            return
        if failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(None)
