"""Whether a lane has all facts that intake accepted for a business day: judged at the close that follows them.

Intake's close says how many facts of the lane lie before it since the close before, and which ones by a digest. So the
verdict needs no clock: what is not there when the close comes is lost, or is a dead letter.
"""

from typing import NamedTuple

from shared.kernel.reason import Reason
from shared.kernel.tally import Tally


class LaneState(Reason):
    """How the facts of a lane and a business day stand."""

    COMPLETE = "complete"
    """Every fact that was accepted is folded, and nothing else."""
    EXPLAINED = "explained"
    """What is missing lies in the dead letters, kept or dismissed."""
    GAP = "gap"
    """Facts are missing, or others are there."""
    CLOSE_MISSING = "close_missing"
    """The close before never came to this lane: days of two closes lie together."""
    UNCHECKED = "unchecked"
    """It began before facts were counted: nothing can be said."""
    OPEN = "open"
    """The day is not closed: facts may be under way."""


OPEN_ENDED = (LaneState.EXPLAINED, LaneState.GAP, LaneState.CLOSE_MISSING)
"""What may change yet: a dead letter is digested, a close comes after all."""


class Verdict(NamedTuple):
    """A state, with how many facts are missing and how many are there that were not accepted."""

    state: LaneState
    missing: int = 0
    unaccepted: int = 0


def judge_lane(accepted: Tally | None, folded: Tally, letters: Tally, follows: bool) -> Verdict:
    """Return how a lane's closed day stands.

    `accepted` is None when it was not counted from its beginning, here or at intake; `letters` are dead letters of its
    facts; `follows`: the close before is the one that intake says came before.
    """
    if accepted is None:
        return Verdict(LaneState.UNCHECKED)
    if folded == accepted:
        return Verdict(LaneState.COMPLETE)
    if not follows:
        return _differing(LaneState.CLOSE_MISSING, accepted.minus(folded))
    explained = folded.plus(letters)
    if explained == accepted:
        return Verdict(LaneState.EXPLAINED, missing=letters.facts)
    return _differing(LaneState.GAP, accepted.minus(explained))


def _differing(state: LaneState, difference: Tally) -> Verdict:
    if difference.facts == 0:
        # As many as there should be, and not the same ones: at least one of each.
        return Verdict(state, 1, 1)
    return Verdict(state, max(0, difference.facts), max(0, -difference.facts))
