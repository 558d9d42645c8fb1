"""The embedded system: one process on files, a proxy in front of it, and a disk that can be full."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.db.sqlite import open_sqlite
from shared.log.port import Partition, Record
from tests.chaos.disk import small_disk
from tests.chaos.history import History
from tests.chaos.world import AnyDatabase, World, new_port

PROCESS = "tocsin"
_ENDS = """
    SELECT lane.topic, lane.part, coalesce(max(record.place) - (lane.id << 40) + 1, 0)
    FROM lane LEFT JOIN record ON record.place BETWEEN lane.id << 40 AND (lane.id << 40) + (1 << 40) - 1
    GROUP BY lane.id
"""


class FileWorld(World):
    """`tocsin serve`."""

    partitions = 1

    def __init__(self, folder: Path, history: History) -> None:
        super().__init__(folder, history)
        self.data = folder / "data"
        self.disk = small_disk(self.data)
        self._opened = contextlib.AsyncExitStack()
        self._key = ""

    def url_of(self, service: str) -> str:
        return f"http://127.0.0.1:{self.proxies[f'client>{PROCESS}'].port}"

    def key(self) -> str:
        return self._key

    async def start(self) -> None:
        settings = await self._opened.enter_async_context(self.sinks())
        port = new_port()
        await self.way(f"client>{PROCESS}", port)
        command = ["tocsin.cli", "serve", "--data", str(self.data), "--port", str(port)]
        self.add_process(PROCESS, command, settings, port)
        await self.run(PROCESS)
        await self.wait_ready()
        self._key = json.loads((self.data / "profile.json").read_text())["key"]

    async def rows(self, service: str, sql: str) -> Sequence[tuple[Any, ...]]:
        return await asyncio.to_thread(self._rows, service, sql)

    def _rows(self, service: str, sql: str) -> Sequence[tuple[Any, ...]]:
        # Read only: the process alone writes and checkpoints.
        address = f"{(self.data / f'{service}.db').resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=5.0)) as connection:
            return connection.execute(sql).fetchall()

    async def ends(self) -> dict[Partition, int]:
        return {Partition(topic, part): end for topic, part, end in await self.rows("log", _ENDS)}

    async def foreign_records(self) -> list[Record]:
        return []

    def open(self, service: str) -> AnyDatabase:
        return open_sqlite(self.data / f"{service}.db")

    async def heal_servers(self) -> None:
        self.disk.empty(self.processes[PROCESS].pid)

    async def close(self) -> None:
        await self.end_all_now()
        self.disk.close()
        await self._opened.aclose()
