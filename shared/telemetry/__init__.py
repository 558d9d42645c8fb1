"""Logs and traces: structured lines without personal data, W3C trace context carried from edge to edge."""

from shared.telemetry.logs import configure_logs, logger
from shared.telemetry.records import about, about_batch, origin_of, origins_of
from shared.telemetry.scope import within
from shared.telemetry.traces import (
    close_traces,
    configure_traces,
    export_spans,
    onward,
    span,
    trace_id_of,
    traceparent,
)

__all__ = [
    "about",
    "about_batch",
    "close_traces",
    "configure_logs",
    "configure_traces",
    "export_spans",
    "logger",
    "onward",
    "origin_of",
    "origins_of",
    "span",
    "trace_id_of",
    "traceparent",
    "within",
]
