"""Spans: what they continue, what they link to, what they say; and a collector that is dead harms nobody."""

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import telemetry

FIRST, SECOND = (f"00-{digit * 32}-{digit * 16}-01" for digit in "ab")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.export_spans(SimpleSpanProcessor(exporter), version="9")
    yield exporter
    telemetry.close_traces()


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (found,) = spans.get_finished_spans()
    return found


def linked(span: ReadableSpan) -> list[str]:
    return [f"{link.context.trace_id:032x}" for link in span.links]


def test_a_span_continues_the_trace_of_what_it_works_on(spans: InMemorySpanExporter) -> None:
    with telemetry.span("digest", "consumer", [FIRST, "", FIRST]):
        ours = telemetry.traceparent()
    found = only(spans)
    assert found.parent is not None
    assert (f"{found.parent.trace_id:032x}", f"{found.parent.span_id:016x}") == ("a" * 32, "a" * 16)
    assert found.context is not None
    assert ours == f"00-{'a' * 32}-{found.context.span_id:016x}-01"
    assert linked(found) == []


def test_a_span_over_several_traces_is_its_own_and_links_to_them(spans: InMemorySpanExporter) -> None:
    with telemetry.span("digest", "consumer", [FIRST, SECOND]):
        assert telemetry.trace_id_of(telemetry.traceparent()) not in ("a" * 32, "b" * 32)
        assert telemetry.onward(FIRST) == FIRST
    assert only(spans).parent is None
    assert linked(only(spans)) == ["a" * 32, "b" * 32]


def test_what_one_message_caused_goes_on_in_its_trace() -> None:
    assert telemetry.onward(FIRST) == FIRST
    with telemetry.span("digest", "consumer", [FIRST]):
        assert telemetry.onward(FIRST) == telemetry.onward("") == telemetry.traceparent() != FIRST
        assert telemetry.onward(SECOND) == SECOND


@pytest.mark.parametrize("wrong", ["", "nonsense", FIRST.replace("a", "0"), FIRST.upper(), "ff" + FIRST[2:], "9" * 600])
def test_a_traceparent_that_says_nothing_counts_for_nothing(wrong: str) -> None:
    with telemetry.span("request", "server", [wrong]):
        assert len(telemetry.traceparent()) == len(FIRST)
        assert telemetry.trace_id_of(telemetry.traceparent()) not in ("", "0" * 32, "a" * 32)
    assert telemetry.trace_id_of(wrong) == ""


def test_each_service_of_a_process_is_one_of_its_own(spans: InMemorySpanExporter) -> None:
    for service in ("intake", "risk"):
        with telemetry.within(service), telemetry.span("work"):
            pass
    said = [span.resource.attributes for span in spans.get_finished_spans()]
    assert [one["service.name"] for one in said] == ["intake", "risk"]
    assert {(one["service.namespace"], one["service.version"]) for one in said} == {("tocsin", "9")}


def test_an_error_is_told_by_its_kind_and_never_by_its_text(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="somebody"), telemetry.span("work"):
        raise ValueError("somebody@example.com")
    found = only(spans)
    assert not found.status.is_ok
    assert "somebody" not in found.to_json()


def test_without_a_collector_ids_are_handed_on_and_nothing_is_recorded() -> None:
    with telemetry.span("request", "server", [FIRST.removesuffix("1") + "0"]) as span:
        assert telemetry.trace_id_of(telemetry.traceparent()) == "a" * 32
        assert not span.is_recording()


def test_a_share_of_the_traces_is_sent_and_a_callers_choice_is_kept(spans: InMemorySpanExporter) -> None:
    telemetry.export_spans(SimpleSpanProcessor(spans), ratio=0.0)
    for origin in ("", FIRST):
        with telemetry.span("request", "server", [origin]):
            pass
    assert only(spans).parent is not None


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        kept = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kept.paths.append(self.path)
                kept.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def test_spans_reach_an_otlp_collector() -> None:
    collector = Collector()
    try:
        telemetry.configure_traces(collector.address + "/", 1.0, "9")
        with telemetry.within("intake"), telemetry.span("POST /intake/v1/facts", "server"):
            pass
        telemetry.close_traces(timeout_s=10)
    finally:
        collector.close()
    assert collector.paths == ["/v1/traces"]
    assert b"POST /intake/v1/facts" in collector.bodies[0]
    assert b"intake" in collector.bodies[0]


# In a process of its own: the exporter's threads draw random delays before they give up, which must not happen beside
# other tests; and so the end is a real one.
WORK_WITH_A_HANGING_COLLECTOR = """
import sys, time
from shared import telemetry

telemetry.configure_traces(sys.argv[1], 1.0, "9")
began = time.perf_counter()
for _ in range(20_000):
    with telemetry.span("work"):
        pass
worked_s = time.perf_counter() - began
telemetry.close_traces(timeout_s=0.2)
print(worked_s, time.perf_counter() - began - worked_s)
"""


def test_a_collector_that_hangs_neither_delays_work_nor_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        command = [sys.executable, "-c", WORK_WITH_A_HANGING_COLLECTOR, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=25, check=True)
    worked_s, closed_s = (float(part) for part in done.stdout.split())
    assert worked_s < 5
    assert closed_s < 1
