"""Traces by OpenTelemetry, carried by W3C `traceparent` over HTTP and the log.

A span is made per request, batch, evaluation and sending, never per fact. Without a collector (the default) spans are
not recorded: they only hand the ids on, so that lines and messages of one cause can be found together.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from shared.telemetry.scope import service_at_work

Kind = Literal["internal", "server", "client", "producer", "consumer"]

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_HEADER = "traceparent"
_HEADER_LENGTH_MAX = 512
_LINKS_MAX = 128
_QUEUED_SPANS_MAX = 8_192
_EXPORT_TIMEOUT_S = 5.0
_propagator = TraceContextTextMapPropagator()


class _Tracing:
    """Where spans go, and which are recorded."""

    def __init__(self, sampler: Sampler, processor: SpanProcessor | None = None, version: str = "") -> None:
        self._sampler, self.processor, self._version = sampler, processor, version
        self._tracers: dict[str, Tracer] = {}

    def tracer(self, service: str) -> Tracer:
        """Return the tracer of a service: in the embedded run each still is a service of its own to the collector."""
        tracer = self._tracers.get(service)
        if tracer is None:
            about = {
                SERVICE_NAMESPACE: "tocsin",
                SERVICE_NAME: service or "tocsin",
                SERVICE_VERSION: self._version,
            }
            provider = TracerProvider(self._sampler, Resource.create(about), shutdown_on_exit=False)
            if self.processor is not None:
                provider.add_span_processor(self.processor)
            tracer = self._tracers[service] = provider.get_tracer("tocsin", self._version)
        return tracer


_UNRECORDED = ParentBased(ALWAYS_OFF)
_tracing = _Tracing(_UNRECORDED)


def configure_traces(endpoint: str, ratio: float, version: str) -> None:
    """Send `ratio` of the traces that begin here to an OTLP/HTTP collector; an empty endpoint sends nothing.

    The collector may be slow or dead: spans wait in a bounded queue of their own thread, and those over it are dropped.
    """
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # costs start-up time
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=_EXPORT_TIMEOUT_S)
    export_spans(BatchSpanProcessor(exporter, max_queue_size=_QUEUED_SPANS_MAX), ratio, version)


def export_spans(processor: SpanProcessor, ratio: float = 1.0, version: str = "") -> None:
    """Hand the spans to a processor: `ratio` of the traces that begin here, and those that a caller has sampled."""
    global _tracing
    _tracing = _Tracing(ParentBased(TraceIdRatioBased(ratio)), processor, version)


def close_traces(timeout_s: float = 2.0) -> None:
    """Send what is queued, as far as that works in time, and record nothing more."""
    global _tracing
    processor, _tracing = _tracing.processor, _Tracing(_UNRECORDED)
    if processor is not None:
        # A collector that hangs must not hold up the end of the process.
        closing = threading.Thread(target=processor.shutdown, name="traces close", daemon=True)
        closing.start()
        closing.join(timeout_s)


@contextmanager
def span(
    name: str, kind: Kind = "internal", origins: Iterable[str] = (), **attributes: AttributeValue
) -> Iterator[Span]:
    """Do what follows in a span. `origins` are the `traceparent`s of what is worked on, empty ones count for nothing.

    Those of one trace are continued; of several, a trace of its own is begun that links to them; without any, the span
    belongs to the one around it. Attributes are ids and words, never anything about a person.
    """
    contexts = _contexts(origins)
    parent = trace.set_span_in_context(NonRecordingSpan(contexts[0])) if contexts else None
    if len(contexts) > 1:
        parent = trace.set_span_in_context(trace.INVALID_SPAN)
    with _tracing.tracer(service_at_work()).start_as_current_span(
        name,
        parent,
        _KINDS[kind],
        attributes,
        [Link(one) for one in contexts] if len(contexts) > 1 else (),
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield opened
        except Exception as error:
            # Its name only: the text of an error may quote what was sent.
            opened.set_attribute("error.type", type(error).__name__)
            opened.set_status(StatusCode.ERROR)
            raise


def traceparent() -> str:
    """Return the `traceparent` of what is being done now; empty outside a span."""
    return _text(trace.get_current_span().get_span_context())


def onward(origin: str) -> str:
    """Return the `traceparent` to send with what one message caused, when many are worked on at once.

    It is that of the message; where the present span continues the message's trace, that of the span.
    """
    known = _context(origin)
    current = trace.get_current_span().get_span_context()
    if known is None or known.trace_id == current.trace_id:
        return _text(current)
    return _text(known)


def trace_id_of(traceparent: str) -> str:
    """Return the trace id in a `traceparent`; empty when it has none."""
    known = _context(traceparent)
    return "" if known is None else trace.format_trace_id(known.trace_id)


def _contexts(origins: Iterable[str]) -> list[SpanContext]:
    """Return one context of each trace, in the order in which they come; a bounded number."""
    found: dict[int, SpanContext] = {}
    for origin in dict.fromkeys(origins):
        if (known := _context(origin)) is not None:
            found.setdefault(known.trace_id, known)
            if len(found) == _LINKS_MAX:
                break
    return list(found.values())


@lru_cache(maxsize=4_096)
def _context(traceparent: str) -> SpanContext | None:
    """Return what a `traceparent` says; None when it says nothing that can be understood."""
    if not traceparent or len(traceparent) > _HEADER_LENGTH_MAX:
        return None
    found = trace.get_current_span(_propagator.extract({_HEADER: traceparent})).get_span_context()
    return found if found.is_valid else None


def _text(context: SpanContext) -> str:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(NonRecordingSpan(context)))
    return carrier.get(_HEADER, "")
