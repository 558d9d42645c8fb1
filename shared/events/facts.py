"""Facts: what a lender knows about its clients. Written by foreign producers (HTTP, `tocsin.facts`), kept by intake,
passed on by intake on `tocsin.intake` in the same shape, keyed by client.

Dates are business dates of the book (`YYYY-MM-DD`), amounts decimal strings in the currency beside them, all positive.
A fact's own times are `value_date` (when it was true) and `known_at` (when the lender knew; absent = when received).
"""

from datetime import date, datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.events.base import Key, Message, Topic

ATTRIBUTES = ("product", "region", "industry", "branch", "officer", "channel", "language", "size")
"""Segment attributes of clients, loans and projects."""


class Attributes(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Segment attributes; one of a loan or project overrides the same one of its client."""

    product: str | None = None
    region: str | None = None
    industry: str | None = None
    branch: str | None = None
    officer: str | None = None
    channel: str | None = None
    language: str | None = None
    size: str | None = None


class Instalment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One instalment of a given schedule."""

    due: date
    amount: str
    principal: str | None = None


class GivenSchedule(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="given", kw_only=True):
    """Instalments as the contract lists them, by rising due date."""

    instalments: list[Instalment]


class _Generated(msgspec.Struct, frozen=True, gc=False, tag_field="kind", omit_defaults=True, kw_only=True):
    """A schedule to be generated from the loan's principal."""

    first_due: date
    instalments: int
    rate: str = "0"
    """Yearly nominal rate as a fraction, e.g. "0.0425"."""
    every_months: int = 1


class AnnuitySchedule(_Generated, frozen=True, gc=False, tag="annuity", omit_defaults=True, kw_only=True):
    """Equal instalments; `amount` fixes the instalment, else it follows from principal, rate and number."""

    amount: str | None = None


class EqualPrincipalSchedule(_Generated, frozen=True, gc=False, tag="equal_principal", kw_only=True):
    """Equal principal, falling interest."""


class BulletSchedule(_Generated, frozen=True, gc=False, tag="bullet", kw_only=True):
    """Interest each period, the principal with the last instalment."""


Schedule = GivenSchedule | AnnuitySchedule | EqualPrincipalSchedule | BulletSchedule


class Fact(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What all facts share."""

    topic: ClassVar[Topic] = Topic.INTAKE
    key: ClassVar[Key] = Key.CLIENT
    consumers: ClassVar[tuple[str, ...]] = ("risk",)

    book: str
    value_date: date
    known_at: datetime | None = None


class ClientRegistered(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A client is known from `value_date` on."""

    type: ClassVar[str] = "tocsin.client.registered.v1"
    client: str
    kind: Literal["person", "company", "project_company"]
    attributes: Attributes = Attributes()


class ClientChanged(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Segment attributes of a client change from `value_date` on; those not named stay."""

    type: ClassVar[str] = "tocsin.client.changed.v1"
    client: str
    attributes: Attributes


class ClientMerged(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """`client` turns out to be the same as `into`: an alias from now on; keys and loans stay where they are (D8)."""

    type: ClassVar[str] = "tocsin.client.merged.v1"
    client: str
    into: str


class LoanDisbursed(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A loan is paid out to a client."""

    type: ClassVar[str] = "tocsin.loan.disbursed.v1"
    loan: str
    client: str
    currency: str
    principal: str
    schedule: Schedule
    attributes: Attributes = Attributes()


class Arrear(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was due before take-on and is still unpaid."""

    due: date
    amount: str


class LoanTakenOn(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A loan enters the book in the middle of its life, without its past (D25)."""

    type: ClassVar[str] = "tocsin.loan.taken_on.v1"
    loan: str
    client: str
    currency: str
    principal: str
    schedule: Schedule
    arrears: list[Arrear] = msgspec.field(default_factory=list)
    attributes: Attributes = Attributes()


class RepaymentReceived(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A client paid; allocated to instalments oldest first."""

    type: ClassVar[str] = "tocsin.repayment.received.v1"
    loan: str
    amount: str
    currency: str
    principal: str | None = None


class RepaymentReversed(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A repayment, or `amount` of it, turns out never to have been one: it is taken back from its own value date."""

    type: ClassVar[str] = "tocsin.repayment.reversed.v1"
    loan: str
    repayment: str
    currency: str
    amount: str | None = None


class LoanCapitalised(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Interest or fees are added to the principal."""

    type: ClassVar[str] = "tocsin.loan.capitalised.v1"
    loan: str
    amount: str
    currency: str


class LoanRestructured(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A new schedule from `value_date`, or a payment holiday that moves what is still due by some months."""

    type: ClassVar[str] = "tocsin.loan.restructured.v1"
    loan: str
    schedule: Schedule | None = None
    holiday_months: int | None = None


class LoanChargedOff(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The lender gives the loan up; recoveries may follow."""

    type: ClassVar[str] = "tocsin.loan.charged_off.v1"
    loan: str


class RecoveryReceived(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Money after charge-off; not a repayment."""

    type: ClassVar[str] = "tocsin.recovery.received.v1"
    loan: str
    amount: str
    currency: str


class RecoveryReversed(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Recovered money, as far as `amount`, turns out not to have been recovered."""

    type: ClassVar[str] = "tocsin.recovery.reversed.v1"
    loan: str
    amount: str
    currency: str


class LoanClosed(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Paid off: settles everything open, even when less than the instalment was paid."""

    consumers: ClassVar[tuple[str, ...]] = ("risk", "feedback")
    type: ClassVar[str] = "tocsin.loan.closed.v1"
    loan: str


class LoanLeftBook(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Sold or transferred unpaid: counts until it leaves, then in nothing."""

    type: ClassVar[str] = "tocsin.loan.left_book.v1"
    loan: str


class ProjectRegistered(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A financed project of a client."""

    type: ClassVar[str] = "tocsin.project.registered.v1"
    project: str
    client: str
    currency: str
    attributes: Attributes = Attributes()


class ProjectReported(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A progress report; what it does not know is absent."""

    type: ClassVar[str] = "tocsin.project.reported.v1"
    project: str
    forecast_completion: date | None = None
    phase: str | None = None
    budget: str | None = None
    currency: str | None = None


class MilestoneReported(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What is known of one milestone of a project; what is absent stays as it was.

    The first baseline is the approved one that delay is measured against; a later one re-baselines and is shown only.
    """

    type: ClassVar[str] = "tocsin.milestone.reported.v1"
    project: str
    milestone: str
    baseline: date | None = None
    forecast: date | None = None
    actual: date | None = None
    cancelled: bool | None = None


class FactCorrected(Fact, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """An earlier fact was wrong: `body` replaces it whole (same type, same loan, project or client); without a body
    the earlier fact is annulled. The latest correction by (known_at, id) holds."""

    consumers: ClassVar[tuple[str, ...]] = ("risk", "feedback")
    type: ClassVar[str] = "tocsin.fact.corrected.v1"
    fact: str
    body: dict[str, Any] | None = None


FACTS: tuple[type[Fact], ...] = (
    ClientRegistered, ClientChanged, ClientMerged, LoanDisbursed, LoanTakenOn, RepaymentReceived, RepaymentReversed,
    LoanCapitalised, LoanRestructured, LoanChargedOff, RecoveryReceived, RecoveryReversed, LoanClosed, LoanLeftBook,
    ProjectRegistered, ProjectReported, MilestoneReported, FactCorrected,
)  # fmt: skip
