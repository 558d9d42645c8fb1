"""The state of one loan: all that its future depends on."""

from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from services.risk.domain.schedule import Schedule
from services.risk.domain.segments import SegmentLog
from shared.kernel.days import Day, Month


@unique
class Status(StrEnum):
    """Where a loan stands."""

    EXPECTED = "expected"
    """Facts are there, its beginning is not."""
    ACTIVE = "active"
    CLOSED = "closed"
    CHARGED_OFF = "charged_off"
    LEFT = "left"


@unique
class Standing(StrEnum):
    """Where a loan stands in the default machine at the start of its month."""

    NEW = "new"
    """It entered the book in this month: in no cohort yet."""
    PERFORMING = "performing"
    DEFAULTED = "defaulted"


class Early(NamedTuple):
    """Repayments dated before their loan's beginning, summed by currency and by whether they say their principal."""

    amount_minor: int
    principal_minor: int | None
    currency: str


class Cure(NamedTuple):
    """The end of a spell of arrears by a repayment."""

    since: Day
    """First day at whose close the loan was past due."""
    cured_on: Day
    days_past_due: int
    """At the close before that day."""
    known_at_us: int
    """When the lender knew of the repayment."""


class LoanState(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """State after its last fact; encodable by msgspec. `schedule` changes rarely and may be stored apart."""

    status: Status = Status.EXPECTED
    currency: str = ""
    start_day: Day = 0
    end_day: Day = 0
    principal_minor: int = 0
    allocated_minor: int = 0
    """Paid against the schedule in force."""
    paid_minor: int = 0
    """Paid in all."""
    covered: int = 0
    """How many instalments of the schedule are covered."""
    oldest_due: Day | None = None
    """Contractual date of the first uncovered instalment, also when it lies ahead; None when none is open."""
    flows_from: Day = 0
    """Instalments due earlier do not count as due in this book: before take-on, or replaced by a restructuring."""
    paid_month: Month = 0
    """Month of the last repayment; 0 when there was none."""
    replaced_month: Month = 0
    """Month of a restructuring in which instalments had already been due; 0 when none."""
    replaced_covered: bool = True
    """Whether all of them had been covered."""
    month: Month = 0
    """The month that `standing`, `streak` and `start_principal_minor` speak of: that of the last fact."""
    standing: Standing = Standing.NEW
    streak: int = 0
    """Month ends at DPD 0 in a row before `month`, counted while defaulted."""
    start_principal_minor: int = 0
    """Principal at the close before `month`; 0 when the loan was not in the book then."""
    restructured_until: Day = 0
    """First day on which the last restructuring no longer shows; 0 when there was none."""
    dpd_floor: int = 0
    """DPD before it."""
    opening_due: Day | None = None
    """`oldest_due` at the close before the day of the last fact."""
    late_since: Day = 0
    """First day of the spell of arrears that goes on after the last fact; 0 when none does."""
    cured: Cure | None = None
    """The last cure of arrears."""
    early: tuple[Early, ...] = ()
    """Repaid before the beginning, waiting for it; then what leaves its split to the schedule is allocated first."""
    segments: SegmentLog = ()
    last_order: tuple[Day, int, int, str] = (0, 0, 0, "")
    dangling: bool = False
    """A reversal or correction waits for its target: any fact may be it, so nothing continues."""
    schedule: Schedule = Schedule()
