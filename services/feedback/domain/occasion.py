"""Whom to ask, and when: an occasion becomes an invitation, or is skipped with a reason.

Everything is counted on the book's days (D1), so that the same facts lead to the same invitations whenever they are
read. The one exception is `history`: a book that is replayed must not reach real people about what is long past.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from shared.kernel.days import Day
from shared.kernel.reason import Reason


class Kind(StrEnum):
    """What a client is asked about."""

    LOAN_CLOSED = "loan_closed"
    ARREARS_CURED = "arrears_cured"


class Skipped(Reason):
    """Why a client is not asked."""

    TOO_OLD = "too_old"
    """It became known, or its day was closed, long after it happened (days of the book)."""
    HISTORY = "history"
    """The book's day lies long behind the calendar: the past is replayed."""
    NO_CONSENT = "no_consent"
    NO_ADDRESS = "no_address"
    TOO_SOON = "too_soon"
    """The client was asked shortly before, or after."""


class Rules(NamedTuple):
    """How often and how late clients may be asked; all in days."""

    spacing_days: int
    """Days between two invitations of one client, at least."""
    age_days: int
    """Days between an occasion and its invitation, at most."""
    open_days: int
    """Days for which an invitation can be answered."""
    history: bool
    """Whether clients are asked while the past is replayed, too."""


class Times(NamedTuple):
    """When an occasion was true and when the lender knew (D1)."""

    value_date: Day
    known_on: Day


class Standing(NamedTuple):
    """What is known of a client when an occasion is decided."""

    consent: bool
    reachable: bool
    invited_on: Sequence[Day]
    """Days on which the client was invited before."""


UNKNOWN = Standing(consent=False, reachable=False, invited_on=())


class Invitation(NamedTuple):
    """The client is asked: from and up to a day of the book."""

    invited_on: Day
    expires_on: Day


def ready_on(times: Times, rules: Rules) -> Day:
    """Return the day at whose close an occasion is decided: the first on which it was both true and known.

    What became known too late is decided at once, because it comes to nothing.
    """
    return times.value_date if _learned_late(times, rules) else max(times)


def decide(times: Times, closed_on: Day, today: Day, standing: Standing, rules: Rules) -> Invitation | Skipped:
    """Decide on one occasion.

    `closed_on` is the day of the close that first covered `ready_on`; the client is invited on the day after, the
    book's open day then. `today` is the calendar's, for history only.
    """
    invited_on = closed_on + 1
    if _learned_late(times, rules) or closed_on - times.value_date > rules.age_days:
        return Skipped.TOO_OLD
    if not rules.history and today - closed_on > rules.age_days:
        return Skipped.HISTORY
    if not standing.consent:
        return Skipped.NO_CONSENT
    if not standing.reachable:
        return Skipped.NO_ADDRESS
    if any(abs(invited_on - before) < rules.spacing_days for before in standing.invited_on):
        return Skipped.TOO_SOON
    return Invitation(invited_on, invited_on + rules.open_days)


def _learned_late(times: Times, rules: Rules) -> bool:
    return times.known_on - times.value_date > rules.age_days
