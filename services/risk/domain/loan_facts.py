"""Facts about one loan as the fold reads them, their order, and which of them count."""

from collections.abc import Sequence
from enum import StrEnum, unique

import msgspec

from services.risk.domain.anomaly import Anomaly, Contradiction
from services.risk.domain.schedule import Instalment, Terms
from shared.kernel.days import Day


@unique
class LoanKind(StrEnum):
    """What happened to a loan."""

    DISBURSED = "disbursed"
    TAKEN_ON = "taken_on"
    CAPITALISED = "capitalised"
    REPAID = "repaid"
    RESTRUCTURED = "restructured"
    CHARGED_OFF = "charged_off"
    CLOSED = "closed"
    LEFT_BOOK = "left_book"
    RECOVERED = "recovered"
    RECOVERY_REVERSED = "recovery_reversed"
    REVERSED = "reversed"
    CORRECTED = "corrected"


class LoanFact(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One fact about one loan; which fields it needs follows from its kind."""

    kind: LoanKind
    day: Day
    """Value date."""
    known_at_us: int
    """When the lender knew, microseconds since 1970 UTC."""
    id: str
    """Event id."""
    currency: str = ""
    amount_minor: int = 0
    """disbursed, taken_on: principal; repaid, capitalised, recovered...: the amount; reversed: 0 = all of it."""
    principal_minor: int | None = None
    """repaid: the principal in it, None when the schedule's own split decides."""
    schedule: Terms | None = None
    """disbursed, taken_on, restructured."""
    arrears: tuple[Instalment, ...] = ()
    """taken_on: due earlier and still unpaid."""
    holiday_months: int = 0
    """restructured without a schedule: uncovered instalments move by so many months."""
    attributes: dict[str, str] = {}
    """disbursed, taken_on: the loan's own segment attributes."""
    target: str = ""
    """reversed, corrected: event id of the fact meant."""
    replacement: "LoanFact | None" = None
    """corrected: the fact as it should have been; None annuls it. Its own id and known_at do not matter."""
