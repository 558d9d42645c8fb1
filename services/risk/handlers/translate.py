"""Facts as they travel -> facts as the fold reads them: day numbers, minor units, targets resolved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec

from services.risk.domain.client import ClientFact, ClientKind
from services.risk.domain.loan_facts import LoanFact, LoanKind
from services.risk.domain.milestone import Report
from services.risk.domain.project import ProjectFact, ProjectKind
from services.risk.domain.schedule import Generated, Instalment, Terms
from services.risk.domain.survey import SurveyFact, SurveyKind
from services.risk.handlers.arrivals import MESSAGES, decode_body
from shared.events import facts, feedback
from shared.kernel.days import Day, day_of
from shared.kernel.money import parse_amount

_CLASSES = {message.type: message for message in MESSAGES}
_CORRECTED = facts.FactCorrected.type
_DEPTH_MAX = 8


class Told(msgspec.Struct, frozen=True, gc=False):
    """A fact with its times, from the log or from the ledger."""

    event_id: str
    type: str
    known_at_us: int
    target: str
    message: Any
    day: Day


def told_from_row(row: Any) -> Told:
    """Return a fact of the ledger, decoded."""
    return Told(row.event_id, row.type, row.known_at, row.target, decode_body(row.type, row.body), row.value_date)


class _Loan(NamedTuple):
    """What the facts of one loan need of each other."""

    known: Mapping[str, Told]
    currency: str


def loan_facts(told: Sequence[Told], currency: str = "") -> list[LoanFact]:
    """Return a loan's facts for the fold; ValueError names an amount or currency that cannot be.

    `currency` is the loan's when its beginning is not among `told`.
    """
    if not currency or any(one.type in _CHANGING_CURRENCY for one in told):
        known = {one.event_id: one for one in told}
        loan = _Loan(known, _currency(told, known) or currency)
    else:
        loan = _Loan({}, currency)
    return [_loan_fact(one, loan, 0) for one in told if one.type == _CORRECTED or one.type in _LOAN_FIELDS]


def _currency(told: Sequence[Told], known: Mapping[str, Told]) -> str:
    """Return the currency of a loan's beginning as last corrected, empty when it is not there."""
    begun = [(0, "", one.message.currency) for one in told if one.type in _STARTS]
    for one in told:
        wanted = _replaced(one, known, 0) if one.type == _CORRECTED else None
        if wanted is not None and wanted.type in _STARTS:
            begun.append((one.known_at_us, one.event_id, wanted.message.currency))
    return max(begun)[2] if begun else ""


def project_facts(told: Sequence[Told]) -> list[ProjectFact]:
    """Return a project's facts for the fold."""
    known = {one.event_id: one for one in told}
    return [_project_fact(one, known, 0) for one in told if one.type == _CORRECTED or one.type in _PROJECT_KINDS]


def client_facts(told: Sequence[Told]) -> list[ClientFact]:
    """Return a client's facts that say something about its attributes."""
    known = {one.event_id: one for one in told}
    return [_client_fact(one, known) for one in told if one.type == _CORRECTED or one.type in _CLIENT_KINDS]


def attributes_in(given: facts.Attributes) -> dict[str, str]:
    """Return the attributes that are named."""
    return {name: value for name in facts.ATTRIBUTES if (value := getattr(given, name)) is not None}


def _replaced(correction: Told, known: Mapping[str, Told], depth: int) -> Told | None:
    """Return the fact that a correction puts in the place of its target; None when it annuls it.

    The replacement is of the target's type, so without the target nothing can be said of it: then it annuls too, and
    the fold reports that the target is unknown.
    """
    target = known.get(correction.target)
    if correction.message.body is None or target is None or depth >= _DEPTH_MAX:
        return None
    message = msgspec.convert(correction.message.body, _CLASSES[target.type])
    return Told(correction.event_id, target.type, correction.known_at_us, target.target, message, correction.day)


def _loan_fact(told: Told, loan: _Loan, depth: int) -> LoanFact:
    message = told.message
    day = day_of(message.value_date)
    if told.type == _CORRECTED:
        wanted = _replaced(told, loan.known, depth)
        return LoanFact(
            kind=LoanKind.CORRECTED,
            day=day,
            known_at_us=told.known_at_us,
            id=told.event_id,
            target=told.target,
            replacement=None if wanted is None else _loan_fact(wanted, loan, depth + 1),
        )
    kind, fields = _LOAN_FIELDS[told.type]
    return LoanFact(
        kind=kind,
        day=day,
        known_at_us=told.known_at_us,
        id=told.event_id,
        target=told.target,
        **fields(message, loan.currency),
    )


def _started(message: facts.LoanDisbursed | facts.LoanTakenOn, _loan_currency: str) -> dict[str, Any]:
    currency = message.currency
    fields: dict[str, Any] = {
        "currency": currency,
        "amount_minor": parse_amount(message.principal, currency),
        "schedule": _terms(message.schedule, currency),
        "attributes": attributes_in(message.attributes),
    }
    if isinstance(message, facts.LoanTakenOn):
        fields["arrears"] = tuple(
            Instalment(day_of(arrear.due), parse_amount(arrear.amount, currency)) for arrear in message.arrears
        )
    return fields


def _repaid(message: facts.RepaymentReceived, _loan_currency: str) -> dict[str, Any]:
    principal = message.principal
    return {
        "currency": message.currency,
        "amount_minor": parse_amount(message.amount, message.currency),
        "principal_minor": None if principal is None else parse_amount(principal, message.currency),
    }


def _reversed(message: facts.RepaymentReversed, _loan_currency: str) -> dict[str, Any]:
    amount = message.amount
    return {
        "currency": message.currency,
        "amount_minor": 0 if amount is None else parse_amount(amount, message.currency),
    }


def _amount(
    message: facts.LoanCapitalised | facts.RecoveryReceived | facts.RecoveryReversed, _loan_currency: str
) -> dict[str, Any]:
    return {"currency": message.currency, "amount_minor": parse_amount(message.amount, message.currency)}


def _restructured(message: facts.LoanRestructured, currency: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"holiday_months": message.holiday_months or 0}
    if message.schedule is not None and currency:
        # Without a beginning there is no currency to read the amounts in, and the fold ignores the fact anyway.
        fields["schedule"] = _terms(message.schedule, currency)
    return fields


def _nothing(_message: Any, _loan_currency: str) -> dict[str, Any]:
    return {}


def _terms(schedule: facts.Schedule, currency: str) -> Terms:
    if isinstance(schedule, facts.GivenSchedule):
        return tuple(_instalments(schedule, currency))
    amount: str | None = None
    kind: Literal["annuity", "equal_principal", "bullet"] = "bullet"
    if isinstance(schedule, facts.AnnuitySchedule):
        kind, amount = "annuity", schedule.amount
    elif isinstance(schedule, facts.EqualPrincipalSchedule):
        kind = "equal_principal"
    return Generated(
        kind=kind,
        first_due=day_of(schedule.first_due),
        instalments=schedule.instalments,
        rate=schedule.rate,
        every_months=schedule.every_months,
        amount_minor=None if amount is None else parse_amount(amount, currency),
    )


def _instalments(schedule: facts.GivenSchedule, currency: str) -> Iterator[Instalment]:
    for one in schedule.instalments:
        principal = None if one.principal is None else parse_amount(one.principal, currency)
        yield Instalment(day_of(one.due), parse_amount(one.amount, currency), principal)


_Fields = Callable[[Any, str], dict[str, Any]]

_LOAN_FIELDS: dict[str, tuple[LoanKind, _Fields]] = {
    facts.LoanDisbursed.type: (LoanKind.DISBURSED, _started),
    facts.LoanTakenOn.type: (LoanKind.TAKEN_ON, _started),
    facts.RepaymentReceived.type: (LoanKind.REPAID, _repaid),
    facts.RepaymentReversed.type: (LoanKind.REVERSED, _reversed),
    facts.LoanCapitalised.type: (LoanKind.CAPITALISED, _amount),
    facts.LoanRestructured.type: (LoanKind.RESTRUCTURED, _restructured),
    facts.LoanChargedOff.type: (LoanKind.CHARGED_OFF, _nothing),
    facts.RecoveryReceived.type: (LoanKind.RECOVERED, _amount),
    facts.RecoveryReversed.type: (LoanKind.RECOVERY_REVERSED, _amount),
    facts.LoanClosed.type: (LoanKind.CLOSED, _nothing),
    facts.LoanLeftBook.type: (LoanKind.LEFT_BOOK, _nothing),
}
_STARTS = (facts.LoanDisbursed.type, facts.LoanTakenOn.type)
_CHANGING_CURRENCY = frozenset((*_STARTS, _CORRECTED))

_CLIENT_KINDS = {
    facts.ClientRegistered.type: ClientKind.REGISTERED,
    facts.ClientChanged.type: ClientKind.CHANGED,
    facts.ClientMerged.type: ClientKind.MERGED,
}


def _client_fact(told: Told, known: Mapping[str, Told]) -> ClientFact:
    message = told.message
    fields: dict[str, Any] = {}
    if isinstance(message, facts.ClientRegistered):
        fields = {"form": message.kind, "attributes": attributes_in(message.attributes)}
    elif isinstance(message, facts.ClientChanged):
        fields = {"attributes": attributes_in(message.attributes)}
    elif isinstance(message, facts.ClientMerged):
        fields = {"into": message.into}
    else:
        wanted = _replaced(told, known, 0)
        if wanted is not None and wanted.type in _CLIENT_KINDS:
            fields = {"replacement": _client_fact(wanted, known)}
    return ClientFact(
        kind=_CLIENT_KINDS.get(told.type, ClientKind.CORRECTED),
        day=day_of(message.value_date),
        known_at_us=told.known_at_us,
        id=told.event_id,
        target=told.target,
        **fields,
    )


_PROJECT_KINDS = {
    facts.ProjectRegistered.type: ProjectKind.REGISTERED,
    facts.ProjectReported.type: ProjectKind.REPORTED,
    facts.MilestoneReported.type: ProjectKind.MILESTONE,
}


def _project_fact(told: Told, known: Mapping[str, Told], depth: int) -> ProjectFact:
    message = told.message
    fields: dict[str, Any] = {}
    if isinstance(message, facts.ProjectRegistered):
        fields = {"currency": message.currency, "attributes": attributes_in(message.attributes)}
    elif isinstance(message, facts.ProjectReported):
        fields = _reported(message)
    elif isinstance(message, facts.MilestoneReported):
        fields = {"milestone": _milestone(message)}
    else:
        wanted = _replaced(told, known, depth)
        if wanted is not None and (wanted.type == _CORRECTED or wanted.type in _PROJECT_KINDS):
            fields = {"replacement": _project_fact(wanted, known, depth + 1)}
    return ProjectFact(
        kind=_PROJECT_KINDS.get(told.type, ProjectKind.CORRECTED),
        day=day_of(message.value_date),
        known_at_us=told.known_at_us,
        id=told.event_id,
        target=told.target,
        **fields,
    )


def _reported(message: facts.ProjectReported) -> dict[str, Any]:
    forecast, budget, currency = message.forecast_completion, message.budget, message.currency
    return {
        "forecast": _day(forecast),
        "phase": message.phase or "",
        "currency": currency or "",
        "budget_minor": None if budget is None or currency is None else parse_amount(budget, currency),
    }


def _milestone(message: facts.MilestoneReported) -> Report:
    return Report(
        milestone=message.milestone,
        baseline=_day(message.baseline),
        forecast=_day(message.forecast),
        actual=_day(message.actual),
        cancelled=message.cancelled,
    )


def _day(value: date | None) -> Day | None:
    return None if value is None else day_of(value)


def survey_facts(told: Sequence[Told]) -> list[SurveyFact]:
    """Return a survey's events for the fold; ValueError names an answer that cannot be."""
    return [_survey_fact(one) for one in told]


def _survey_fact(told: Told) -> SurveyFact:
    message = told.message
    fields: dict[str, Any]
    if isinstance(message, feedback.SurveyInvited):
        kind, fields = SurveyKind.INVITED, {"expires": day_of(message.expires_on)}
    else:
        kind, fields = SurveyKind.ANSWERED, {"csat": message.csat, "nps": message.nps}
        for name, (least, most) in _SCALES.items():
            if fields[name] is not None and not least <= fields[name] <= most:
                raise ValueError(f"{name} {fields[name]} is not from {least} to {most}")
    return SurveyFact(kind=kind, day=told.day, known_at_us=told.known_at_us, id=told.event_id, **fields)


_SCALES = {"csat": (1, 5), "nps": (0, 10)}
