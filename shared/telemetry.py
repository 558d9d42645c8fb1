"""Logs and traces: structured lines without personal data, W3C trace context carried from edge to outbox."""

import logging
import os
import re
import sys
from contextvars import ContextVar
from typing import Any, Literal

import structlog

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_current: ContextVar[str] = ContextVar("traceparent", default="")


def configure_logs(form: Literal["json", "console"], level: str = "INFO") -> None:
    """Send log lines to standard error, as JSON or for eyes; libraries' own lines take the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.access", "aiokafka", "httpx", "alembic"):
        logging.getLogger(noisy).setLevel("WARNING")


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a part; events are lower_snake words, values are keyword arguments."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def continue_trace(traceparent: str) -> str:
    """Take up the caller's trace, or begin one; returns our own `traceparent` (W3C Trace Context, 3.2)."""
    known = traceparent if _TRACEPARENT.fullmatch(traceparent) else ""
    trace_id = known[3:35] if known else os.urandom(16).hex()
    ours = f"00-{trace_id}-{os.urandom(8).hex()}-01"
    _current.set(ours)
    return ours


def traceparent() -> str:
    """Return the `traceparent` of what is being done now; empty outside a trace."""
    return _current.get()


def _add_trace(_logger: Any, _name: str, event: Any) -> Any:
    if (current := _current.get()) and "trace_id" not in event:
        event["trace_id"] = current[3:35]
    return event
