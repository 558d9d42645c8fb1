"""`tocsin serve` that also writes down every statement with which it changes a file: what B6's limit writes again.

`python -m benchmarks.recorded serve ...` with the recording's path in BENCHMARK_RECORDING. A recording is a sequence of
msgpack values [file, statement, rows, many], in the order of execution.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

_READ = ("SELECT", "PRAGMA", "WITH", "CREATE", "EXPLAIN")
_pack = msgspec.msgpack.Encoder().encode


class Statement(NamedTuple):
    """One statement that changed a file, or began or ended a transaction."""

    file: str
    sql: str
    rows: Sequence[Any]
    many: bool


class _Recording(sqlite3.Connection):
    """A connection that writes down what it changes."""

    path = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if not sql.lstrip().upper().startswith(_READ):
            _write(Statement(self.path, sql, list(parameters), False))
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        rows: list[tuple[Any, ...]] = []

        def passing() -> Iterator[Any]:
            # One by one: who writes may watch what becomes of each row before the next is asked for.
            for row in parameters:
                rows.append(tuple(row))
                yield row

        cursor = super().executemany(sql, passing())
        _write(Statement(self.path, sql, rows, True))
        return cursor


def read(path: Path, start: int) -> Iterator[Statement]:
    """Yield the statements of a recording, from a size on that it once had."""
    decode = msgspec.msgpack.Decoder(Statement).decode
    with path.open("rb") as recording:
        recording.seek(start)
        while size := recording.read(4):
            yield decode(recording.read(int.from_bytes(size)))


def _write(statement: Statement) -> None:
    packed = _pack(statement)
    _out.write(len(packed).to_bytes(4) + packed)


def _serve() -> None:
    connect = sqlite3.connect

    def recording_connect(address: Any, *given: Any, **options: Any) -> sqlite3.Connection:
        if "mode=ro" in str(address):
            reader: sqlite3.Connection = connect(address, *given, **options)
            return reader
        inner = options.pop("factory", sqlite3.Connection)
        factory = type("Recording", (_Recording, inner), {"path": Path(str(address).partition("?")[0]).name})
        connection: sqlite3.Connection = connect(address, *given, factory=factory, **options)
        return connection

    sqlite3.connect = recording_connect  # type: ignore[assignment]
    from tocsin.cli import main

    main()


if __name__ == "__main__":
    with Path(os.environ["BENCHMARK_RECORDING"]).open("wb", buffering=0) as _out:
        sys.argv[0] = "tocsin"
        _serve()
