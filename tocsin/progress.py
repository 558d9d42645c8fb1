"""The progress bar of a replay: what month, how many facts, how fast, how long still."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return facts per second."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} facts/s" if speed else "", style="cyan")


class Watch:
    """Shows how far a replay is, and that it waits when the system is away."""

    def __init__(self, progress: Progress, total: int, title: str) -> None:
        """`title` stands before the bar."""
        self._progress = progress
        self._title = title
        self._task = progress.add_task(title, total=total)
        self._said_away_s = 0.0

    def month(self, month: str) -> None:
        """Show the month that is being sent."""
        self._progress.update(self._task, description=f"{self._title} {month}")

    def facts(self, count: int) -> None:
        """Count facts that were answered or need not be sent."""
        self._progress.advance(self._task, count)

    def away(self, reason: str) -> None:
        """Say that the system does not answer, at most every ten seconds."""
        if time.monotonic() - self._said_away_s > 10:
            self._said_away_s = time.monotonic()
            self._progress.console.print(f"[yellow]the system does not answer ({reason}); waiting for it[/yellow]")


@contextmanager
def watched(console: Console, total: int, title: str) -> Iterator[Watch]:
    """Show a progress bar while the body runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Watch(progress, total, title)
