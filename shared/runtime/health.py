"""Readiness: who is not ready, and why. `/healthz` says only that the process lives."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Check = Callable[[], Awaitable[str | None]]


@dataclass(eq=False, slots=True)
class Part:
    """One thing that a service stands on. Whoever works with it notes here what keeps it from working."""

    service: str
    component: str
    """One of few words, a label of `tocsin_ready`."""
    place: str = ""
    """Which of several: a topic and partition."""
    reason: str = ""
    """Why it is not ready; empty when it is."""

    @property
    def name(self) -> str:
        """Return how `/readyz` calls it."""
        return " ".join(word for word in (self.service, self.component, self.place) if word)


class Health:
    """The parts of a process: those that are watched by their users, and those that are asked."""

    def __init__(self) -> None:
        """Start ready, with nothing to look at."""
        self._parts: list[Part] = []
        self._checks: list[tuple[Part, Check]] = []

    def part(self, service: str, component: str, place: str = "") -> Part:
        """Return a new part, which is ready until its user notes a reason."""
        part = Part(service, component, place)
        self._parts.append(part)
        return part

    def forget(self, part: Part) -> None:
        """Leave a part out from now on: it is no longer this process's affair."""
        if part in self._parts:
            self._parts.remove(part)

    def watch(self, service: str, component: str, check: Check) -> None:
        """Ask `check` for a reason whenever readiness is asked for."""
        self._checks.append((Part(service, component), check))

    async def reasons(self) -> dict[str, str]:
        """Return why this process is not ready, by part; empty when it is."""
        return {part.name: part.reason for part in await self._look() if part.reason}

    async def components(self) -> dict[tuple[str, str], bool]:
        """Return by service and component whether it is ready."""
        found: dict[tuple[str, str], bool] = {}
        for part in await self._look():
            label = (part.service, part.component)
            found[label] = found.get(label, True) and not part.reason
        return found

    async def _look(self) -> list[Part]:
        for part, check in self._checks:
            part.reason = await check() or ""
        return [*self._parts, *(part for part, _ in self._checks)]
