"""What lines and spans say of records: where they lay and which trace they belong to, never what is in them."""

from collections.abc import Iterable, Iterator, Sequence

from shared.log.port import Headers, Outgoing, Record
from shared.telemetry.traces import trace_id_of


def about(record: Record) -> dict[str, str | int]:
    """Return what every line about one record names: its event, its place, its trace."""
    found: dict[str, str | int] = {
        "event_id": _header(record.headers, "ce_id"),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }
    if trace_id := trace_id_of(origin_of(record.headers)):
        found["trace_id"] = trace_id
    return found


def about_batch(records: Sequence[Record | Outgoing]) -> dict[str, str | int]:
    """Return the attributes of a span over records of one partition, in OpenTelemetry's words."""
    return {
        "messaging.destination.name": records[0].topic,
        "messaging.destination.partition.id": str(records[0].partition),
        "messaging.batch.message_count": len(records),
    }


def origins_of(records: Iterable[Record | Outgoing]) -> Iterator[str]:
    """Return the `traceparent` of each record, empty where there is none."""
    return (origin_of(record.headers) for record in records)


def origin_of(headers: Headers) -> str:
    """Return the `traceparent` in a record's headers; empty when there is none."""
    return _header(headers, "traceparent")


def _header(headers: Headers, wanted: str) -> str:
    # From the end, where our own producers write what is looked for most.
    for name, value in reversed(headers):
        if name == wanted:
            return value.decode("latin-1")
    return ""
