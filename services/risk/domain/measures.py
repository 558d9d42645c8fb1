"""The measures: every counter that a loan, project or survey can add to, what its number is and how it adds up."""

from enum import StrEnum, unique

import msgspec


@unique
class Kind(StrEnum):
    """How the value of a measure follows from its rows."""

    FLOW = "flow"
    """Of a period: the sum of the rows whose day lies in it."""
    STEP = "step"
    """At a day: the sum of all rows up to and including it."""


@unique
class Unit(StrEnum):
    """What a measure counts in."""

    COUNT = "count"
    """Loans, instalments, projects, milestones, answers; summed over currencies on reading."""
    MINOR = "minor"
    """Minor units of the row's currency."""
    DAYS = "days"


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure; `cohort` ones stand in the segments of the first day of their month, others in those of the day."""

    name: str
    kind: Kind
    unit: Unit
    doc: str
    cohort: bool = False


FLOW, STEP = Kind.FLOW, Kind.STEP
COUNT, MINOR, DAYS = Unit.COUNT, Unit.MINOR, Unit.DAYS


def _measure(name: str, kind: Kind, unit: Unit, doc: str, cohort: bool = False) -> Measure:
    return Measure(name=name, kind=kind, unit=unit, doc=doc, cohort=cohort)


def _par(days: int) -> tuple[Measure, ...]:
    late = f"with DPD > {days} at the close"
    shown = "of them, in the twelve months after a restructuring"
    return (
        _measure(f"par{days}", STEP, MINOR, f"Principal of loans {late}."),
        _measure(f"par{days}_loans", STEP, COUNT, f"Loans {late}."),
        _measure(f"par{days}_restructured", STEP, MINOR, f"Principal of loans {late}: {shown}."),
        _measure(f"par{days}_restructured_loans", STEP, COUNT, f"Loans {late}: {shown}."),
    )


_ALL = (
    _measure("loans", STEP, COUNT, "Loans in the book: disbursed or taken on, not closed, charged off or left."),
    _measure("exposure", STEP, MINOR, "Their principal."),
    *_par(30),
    *_par(60),
    *_par(90),
    _measure("due_loans", FLOW, COUNT, "Loans active at a due date in the month; at the month's last day."),
    _measure("missed_loans", FLOW, COUNT, "Of them, without repayments (net of reversals) in the month."),
    _measure("missed_loans_paid_ahead", FLOW, COUNT, "Of those, with nothing uncovered at the close of the month."),
    _measure("instalments_due", FLOW, COUNT, "Instalments due; at their contractual date."),
    _measure("instalments_uncovered", FLOW, COUNT, "Of them, uncovered at the close of their month."),
    _measure("active_at_start", STEP, COUNT, "Loans in the book at the close before the month.", cohort=True),
    _measure("active_at_start_principal", STEP, MINOR, "Their principal then.", cohort=True),
    _measure("charged_off", FLOW, COUNT, "Of them, charged off; at that day.", cohort=True),
    _measure("charged_off_principal", FLOW, MINOR, "Principal of those at the close before the month.", cohort=True),
    _measure("performing", STEP, COUNT, "Loans performing at the close before the month.", cohort=True),
    _measure("performing_principal", STEP, MINOR, "Their principal then.", cohort=True),
    _measure("defaulted", FLOW, COUNT, "Of them, with DPD > 90 at the month's last close or charged off in the month; "
             "at the month's last day.", cohort=True),
    _measure("defaulted_principal", FLOW, MINOR, "Principal of those at the close before the month.", cohort=True),
    _measure("defaulted_by_charge_off", FLOW, COUNT, "Of the defaulted, those by charge-off.", cohort=True),
    _measure("defaulted_by_charge_off_principal", FLOW, MINOR, "Principal of those before the month.", cohort=True),
    _measure("recovered", FLOW, MINOR, "Received after charge-off, less what was taken back; at that day."),
    _measure("slip_reports", FLOW, COUNT, "Projects whose last report with a forecast in the month has a known "
             "forecast before the month; at the month's last day."),
    _measure("slipped", FLOW, COUNT, "Of them, with a forecast at least 90 days later than that one."),
    _measure("slip_gap_days", FLOW, DAYS, "Days between those two reports, summed."),
    _measure("milestones_due", FLOW, COUNT, "Milestones that were not cancelled by the close of the month of their "
             "approved baseline; at that baseline."),
    _measure("milestones_delayed", FLOW, COUNT, "Of them, not achieved by that close."),
    _measure("milestones_rebaselined", FLOW, COUNT, "Of those, with another baseline by that close."),
    _measure("milestones_achieved_late", FLOW, COUNT, "Achieved after their baseline, but by that close."),
    _measure("surveys_invited", FLOW, COUNT, "Invitations to a survey; at their date."),
    _measure("surveys_answered", FLOW, COUNT, "Of them, answered, whenever."),
    _measure("surveys_open_at_close", FLOW, COUNT, "Of them, neither answered nor expired at the month's close."),
    _measure("csat_answers", FLOW, COUNT, "Answers that say how satisfied the client is; at their date."),
    _measure("csat_satisfied", FLOW, COUNT, "Of them, 4 or 5 of 5."),
    _measure("nps_answers", FLOW, COUNT, "Answers that say how likely the client is to recommend; at their date."),
    _measure("nps_promoters", FLOW, COUNT, "Of them, 9 or 10."),
    _measure("nps_detractors", FLOW, COUNT, "Of them, 0 to 6."),
    _measure("nps_net", FLOW, COUNT, "Promoters less detractors."),
)  # fmt: skip

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure by name."""
