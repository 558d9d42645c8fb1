"""What became of a request about an alert (D15)."""

from enum import StrEnum
from typing import Literal, NamedTuple

from services.risk.evaluation.revisions import Kept


class Decision(StrEnum):
    """Whether a request took effect, and if not, why."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    SUPERSEDED = "superseded"
    CHANGED = "changed"
    UNKNOWN = "unknown"


Answer = Literal["accepted", "repeated", "superseded", "unknown"]
_ANSWERS: dict[Decision, Answer] = {
    Decision.ACCEPTED: "accepted",
    Decision.REPEATED: "repeated",
    Decision.SUPERSEDED: "superseded",
    Decision.CHANGED: "superseded",
    Decision.UNKNOWN: "unknown",
}


class Decided(NamedTuple):
    """The decision, and the alert as it stands after it."""

    decision: Decision
    kept: Kept | None = None
    revision: int = 0

    @property
    def answer(self) -> Answer:
        """The decision as it travels."""
        return _ANSWERS[self.decision]

    @property
    def state(self) -> Literal["", "open", "closed", "withdrawn"]:
        """State of the alert, empty when there is none."""
        return "" if self.kept is None else self.kept.message.state
