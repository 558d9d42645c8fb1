"""Which service is at work: in the embedded run one process does the work of all."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_service: ContextVar[str] = ContextVar("service", default="")


@contextmanager
def within(service: str) -> Iterator[None]:
    """Do what follows, and the tasks that it starts, in the name of a service: on log lines, and on spans."""
    token = _service.set(service)
    try:
        yield
    finally:
        _service.reset(token)


def service_at_work() -> str:
    """Return the service; empty outside of all."""
    return _service.get()
