"""The console: messages written to standard output, for trying things out."""

import sys
from typing import TextIO

from services.notify.domain.delivery import Outcome, Outgoing, Report


class ConsoleSender:
    """Writes messages to a stream."""

    channel = "console"
    repeats_dropped = False

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream`: standard output when left out."""
        self._stream = stream

    async def send(self, message: Outgoing) -> Report:
        """Write one message."""
        stream = self._stream or sys.stdout
        try:
            stream.write(f"\n--- to {message.destination}: {message.subject}\n\n{message.text}\n--- {message.id}\n")
            stream.flush()
        except OSError as error:
            return Report(Outcome.UNKNOWN, type(error).__name__)
        return Report(Outcome.SENT, "written to standard output")

    async def close(self) -> None:
        """The stream is not ours."""
