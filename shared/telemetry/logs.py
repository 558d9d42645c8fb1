"""Log lines: JSON or for eyes, each with its service and trace. Lines name ids, never persons (D19)."""

import logging
import sys
from typing import Any, Literal

import structlog

from shared.telemetry.scope import service_at_work
from shared.telemetry.traces import trace_id_of, traceparent


def configure_logs(form: Literal["json", "console"], level: str = "INFO") -> None:
    """Send log lines to standard error, as JSON or for eyes; libraries' own lines take the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_place,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
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


def _add_place(_logger: Any, _name: str, event: Any) -> Any:
    """Add who is at work, and on whose behalf; a line about one record brings the record's own trace."""
    if "service" not in event and (service := service_at_work()):
        event["service"] = service
    if "trace_id" not in event and (trace_id := trace_id_of(traceparent())):
        event["trace_id"] = trace_id
    return event
