"""Readiness: who is not ready, and why. `/healthz` says only that the process lives."""

from collections.abc import Awaitable, Callable

Check = Callable[[], Awaitable[str | None]]


class Health:
    """Reasons for not being ready, by component; empty when ready."""

    def __init__(self) -> None:
        """Start ready, with nothing to check."""
        self._reasons: dict[str, str] = {}
        self._checks: dict[str, Check] = {}

    def watch(self, component: str, check: Check) -> None:
        """Ask `check` for a reason at every probe."""
        self._checks[component] = check

    def fail(self, component: str, reason: str) -> None:
        """Note why a component is not ready until it recovers."""
        self._reasons[component] = reason

    def recover(self, component: str) -> None:
        """Take the reason back."""
        self._reasons.pop(component, None)

    async def reasons(self) -> dict[str, str]:
        """Return all reasons now."""
        found = dict(self._reasons)
        for component, check in self._checks.items():
            reason = await check()
            if reason is not None:
                found[component] = reason
        return found
