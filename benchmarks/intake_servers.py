"""Two servers that take the same NDJSON and write the same rows into the same tables: intake, and bare FastAPI.

`python -m benchmarks.intake_servers intake|bare FOLDER PORT`. Neither has a relay: what is put into the outbox
stays there. Bare means: each line decoded once into a typed struct, the two hashes that the rows hold, two
`executemany` and a durable commit per so many facts, the count as the answer. It checks nothing, looks nothing up and
answers for no item.
"""

import asyncio
import hashlib
import sqlite3
import sys
import time
from pathlib import Path

import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response

import services.intake.app
from services.intake.settings import IntakeSettings
from shared.clock import SystemClock
from shared.db.sqlite import open_sqlite
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.lifecycle import tune_garbage_collection
from shared.runtime.service import Platform
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS

FACTS_PER_COMMIT = IntakeSettings().transaction_facts


class _Event(msgspec.Struct, gc=False):
    id: str
    source: str
    type: str
    data: msgspec.Raw


class _Data(msgspec.Struct, gc=False):
    book: str
    value_date: str
    client: str = ""
    loan: str = ""


_event, _data = msgspec.json.Decoder(_Event).decode, msgspec.json.Decoder(_Data).decode
_pack = msgspec.msgpack.Encoder().encode
_LEDGER = f"INSERT INTO ledger VALUES ({', '.join('?' * 15)})"
_OUTBOX = (
    "INSERT INTO outbox (event_id, topic, partition, key, headers, value, created_at)"
    " VALUES (?, 'tocsin.intake', 0, ?, ?, ?, ?)"
)
Rows = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]


async def serve_intake(folder: Path, port: int) -> None:
    """Serve intake on a database file, without its loops; the key is left in the folder."""
    clock = SystemClock()
    database, log = open_sqlite(folder / "intake.db", clock), open_sqlite_log(None, clock)
    await database.run_sync(services.intake.app.METADATA.create_all)
    keys = KeyRing(folder / "keys.json")
    (folder / "key").write_text(keys.add("benchmark", RIGHTS, "2020-01-01")[1])
    service = services.intake.app.build(IntakeSettings(), Platform(log, clock, 1, "benchmark"), database)
    await _serve(make_app([service], keys, Health(), "benchmark"), port)


async def serve_bare(folder: Path, port: int) -> None:
    """Serve the same route bare, on tables as intake makes them."""
    database = open_sqlite(folder / "bare.db")
    await database.run_sync(services.intake.app.METADATA.create_all)
    await database.close()
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    app = FastAPI()

    @app.post("/intake/v1/facts")
    async def post_facts(request: Request) -> Response:
        lines = (await request.body()).splitlines()
        for start in range(0, len(lines), FACTS_PER_COMMIT):
            ledger, outbox = _rows(lines[start : start + FACTS_PER_COMMIT])
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_LEDGER, ledger)
            connection.executemany(_OUTBOX, outbox)
            await asyncio.to_thread(connection.execute, "COMMIT")
        return Response(msgspec.json.encode({"accepted": len(lines)}), media_type="application/json")

    await _serve(app, port)


def _rows(lines: list[bytes]) -> Rows:
    now_us = time.time_ns() // 1_000
    ledger: list[tuple[object, ...]] = []
    outbox: list[tuple[object, ...]] = []
    for line in lines:
        event = _event(line)
        body = bytes(event.data)
        data = _data(body)
        event_id = hashlib.sha256(f"{event.source}\x1f{event.id}".encode()).hexdigest()[:32]
        digest = hashlib.sha256(body).hexdigest()[:32]
        subject, client = data.loan or data.client, data.client or data.loan
        places = (client, subject, data.book, event.type, data.value_date, now_us, now_us, digest, body)
        ledger.append((event_id, event.source, event.id, None, None, None, *places))
        headers = (
            ("ce_specversion", b"1.0"),
            ("content-type", b"application/json"),
            ("ce_id", event_id.encode()),
            ("ce_source", event.source.encode()),
            ("ce_type", event.type.encode()),
            ("ce_subject", subject.encode()),
            ("ce_book", data.book.encode()),
            ("ce_client", client.encode()),
            ("ce_originid", event.id.encode()),
            ("ce_time", b"2024-01-01T00:00:00+00:00"),
            ("ce_knownat", b"2024-01-01T00:00:00+00:00"),
        )
        outbox.append((event_id, f"{data.book}/{client}", _pack(headers), body, now_us))
    return ledger, outbox


async def _serve(app: FastAPI, port: int) -> None:
    tune_garbage_collection()
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off")).serve()


if __name__ == "__main__":
    kind, where, at = sys.argv[1:]
    uvloop.run((serve_intake if kind == "intake" else serve_bare)(Path(where), int(at)))
