"""Log lines: each says who was at work and in which trace; one about a record says which record that was."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert
from sqlalchemy.exc import IntegrityError

from shared import telemetry
from shared.db.sqlite import open_sqlite
from shared.log.port import Record

TRACE = "a" * 32
TRACEPARENT = f"00-{TRACE}-{'b' * 16}-01"
METADATA = MetaData()
PEOPLE = Table("people", METADATA, Column("id", Text, primary_key=True))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, written = list(root.handlers), root.level, io.StringIO()
    telemetry.configure_logs("json")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


def only(lines: io.StringIO) -> dict[str, Any]:
    (line,) = lines.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_about_a_record_says_which_one_and_in_which_trace(lines: io.StringIO) -> None:
    headers = (("ce_id", b"event-1"), ("traceparent", TRACEPARENT.encode()))
    record = Record("tocsin.risk", 3, 42, b"key", headers, b"body", 0)
    with telemetry.within("notify"), telemetry.span("digest"):
        telemetry.logger("partition").error("dead_letter", **telemetry.about(record), error="ValueError")
    said = only(lines)
    assert said.pop("timestamp")
    assert said == {
        "event": "dead_letter", "level": "error", "service": "notify", "event_id": "event-1", "topic": "tocsin.risk",
        "partition": 3, "offset": 42, "trace_id": TRACE, "error": "ValueError",
    }  # fmt: skip


def test_a_librarys_line_has_its_service_and_trace_too(lines: io.StringIO) -> None:
    with telemetry.within("risk"), telemetry.span("evaluate", origins=[TRACEPARENT]):
        logging.getLogger("some.library").warning("gone away")
    said = only(lines)
    assert (said["event"], said["service"], said["trace_id"]) == ("gone away", "risk", TRACE)


async def test_an_error_of_the_database_does_not_quote_what_was_stored() -> None:
    database = open_sqlite(None)
    await database.run_sync(METADATA.create_all)
    async with database.transaction() as tx:
        await tx.execute(insert(PEOPLE).values(id="somebody"))
        with pytest.raises(IntegrityError) as refused:
            await tx.execute(insert(PEOPLE).values(id="somebody"))
    assert "somebody" not in str(refused.value)
    await database.close()
