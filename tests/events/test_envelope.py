"""CloudEvents binary mode, held against the CloudEvents SDK in both directions."""

from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent

from shared.events.envelope import Envelope, from_headers, to_headers

ENVELOPE = Envelope(
    id="0123456789abcdef0123456789abcdef",
    source="auto_abs",
    type="tocsin.repayment.received.v1",
    time=datetime(2020, 4, 16, 8, 0, 0, 250_000, tzinfo=UTC),
    subject="19191654",
    book="auto",
    client="auto/c-19191654",
    known_at=datetime(2020, 4, 15, tzinfo=UTC),
    origin_id="19191654-2020-04-paid",
    traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)


def test_an_envelope_survives_its_headers() -> None:
    assert from_headers(to_headers(ENVELOPE)) == ENVELOPE


def test_the_sdk_reads_what_we_write() -> None:
    message = KafkaMessage(headers=dict(to_headers(ENVELOPE)), key=b"auto/c", value=b'{"loan":"19191654"}')
    event = from_binary_event(message)
    assert event.get_id() == ENVELOPE.id
    assert event.get_type() == ENVELOPE.type
    assert event.get_source() == ENVELOPE.source
    assert event.get_time() == ENVELOPE.time
    assert event.get_extension("book") == "auto"
    assert event.get_data() == {"loan": "19191654"}


def test_we_read_what_the_sdk_writes() -> None:
    attributes = {
        "id": "x-1",
        "source": "core-lending",
        "type": "tocsin.loan.closed.v1",
        "specversion": "1.0",
        "time": datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC),
        "subject": "l-1",
    }
    message = to_binary_event(CloudEvent(attributes=attributes, data={"loan": "l-1"}))
    envelope = from_headers(message.headers.items())
    assert (envelope.id, envelope.source, envelope.subject) == ("x-1", "core-lending", "l-1")
    assert envelope.time == datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_missing_attributes_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"ce_source, ce_type, ce_time"):
        from_headers([("ce_id", b"x")])
