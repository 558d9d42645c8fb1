"""What a fold could not make sense of: contradictions are reported, never raised (D11)."""

from enum import unique

import msgspec

from shared.kernel.reason import Reason


@unique
class Contradiction(Reason):
    """Why a fact was ignored or applied otherwise than it says."""

    BEFORE_START = "before_start"
    """Dated before the loan begins, if it ever does: a repayment waits for that, others are ignored."""
    SECOND_START = "second_start"
    """The loan had already been disbursed or taken on; ignored."""
    AFTER_END = "after_end"
    """The loan was already closed, charged off or had left the book; ignored."""
    NOT_CHARGED_OFF = "not_charged_off"
    """A recovery on a loan that was not charged off; counted all the same."""
    OTHER_CURRENCY = "other_currency"
    """The amount is not in the loan's currency; ignored."""
    REVERSED_TOO_MUCH = "reversed_too_much"
    """More was reversed than was paid; the repayment counts as 0."""
    TARGET_UNKNOWN = "target_unknown"
    """A reversal or correction of a fact that is not there; ignored until it is."""
    WRONG_TARGET = "wrong_target"
    """A reversal of something else than a repayment, or a correction that changes the kind of fact; ignored."""
    NO_TERMS = "no_terms"
    """A restructuring with neither a schedule nor a holiday; ignored."""
    TOLD_TWICE = "told_twice"
    """A second invitation to a survey, or a second answer; ignored."""
    IN_CIRCLES = "in_circles"
    """Corrections that correct each other; ignored."""


class Anomaly(msgspec.Struct, frozen=True, gc=False):
    """One contradiction: the fact that it concerns and why."""

    fact: str
    reason: Contradiction
