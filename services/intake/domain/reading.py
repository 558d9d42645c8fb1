"""What intake reads in a valid fact: whom it speaks of, what must be known before it, what it makes known."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from services.intake.domain.reasons import HeldReason
from services.intake.domain.rules import Rule
from services.intake.domain.schedules import amounts_of
from shared.kernel.days import Day
from shared.kernel.ids import hashed_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EVENT_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Reading(msgspec.Struct, gc=False, kw_only=True):
    """A fact as far as intake cares. Names are `kind book id`, e.g. `loan auto L-17`; ids hold no blanks."""

    type: str
    book: str
    subject: str
    """Id of the loan, project or client; "" for a correction, whose target tells."""
    subject_name: str
    client: str
    """The client that the fact itself names, else ""."""
    needs: tuple[str, ...]
    """Names that must be known, the book's first."""
    registers: str
    """The name that it makes known, else ""."""
    currency: str
    loose_amounts: tuple[str, ...]
    """Amounts without a currency beside them: in that of the loan or project."""
    refers: str
    """Event id of the earlier fact that it names, should that come from the same source; else ""."""
    refers_directly: str
    """What it names, when that is an event id already; else ""."""
    value_date: Day
    known_at_us: int | None
    held: HeldReason | None = None
    """Why it is understood but not believed."""


def name_of(kind: str, book: str, subject: str = "") -> str:
    """Return the name under which a book, client, loan or project is known."""
    return f"{kind} {book} {subject}" if subject else f"{kind} {book}"


def fact_name(event_id: str) -> str:
    """Return the name under which a fact is known."""
    return f"fact {event_id}"


def event_id_of(source: str, origin_id: str) -> str:
    """Return the event id of a producer's fact: the key of both ledgers."""
    return hashed_id(source, origin_id)


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970 (UTC)."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(value_us: int) -> datetime:
    """Return the moment of microseconds since 1970."""
    return _EPOCH + value_us * _MICROSECOND


def read_fact(fact_type: str, rule: Rule, fact: Any, source: str, latest_forecast: date) -> Reading:
    """Return the reading of a fact that passed `check_fact`."""
    book: str = fact.book
    needs = [f"book {book}"]
    subject = getattr(fact, rule.subject) if rule.subject else ""
    subject_name = f"{rule.subject} {book} {subject}" if subject else ""
    client = fact.client if "client" in rule.ids else ""
    if not rule.registers:
        if subject:
            needs.append(subject_name)
    elif rule.subject != "client":
        needs.append(f"client {book} {client}")
    if "into" in rule.ids:
        needs.append(f"client {book} {fact.into}")
    currency = getattr(fact, "currency", None) or ""
    refers = getattr(fact, rule.refers) if rule.refers else ""
    late = any((day := getattr(fact, name)) is not None and day > latest_forecast for name in rule.foreseen)
    return Reading(
        type=fact_type,
        book=book,
        subject=subject,
        subject_name=subject_name,
        client=client,
        needs=tuple(needs),
        registers=subject_name if rule.registers else "",
        currency=currency,
        loose_amounts=() if currency else _loose_amounts(fact),
        refers=event_id_of(source, refers) if refers else "",
        refers_directly=refers if refers and _EVENT_ID.fullmatch(refers) else "",
        value_date=fact.value_date.toordinal(),
        known_at_us=None if fact.known_at is None else microseconds(fact.known_at),
        held=HeldReason.IMPLAUSIBLE_FORECAST if late else None,
    )


def _loose_amounts(fact: Any) -> tuple[str, ...]:
    schedule = getattr(fact, "schedule", None)
    if schedule is not None:
        return tuple(amounts_of(schedule))
    budget = getattr(fact, "budget", None)
    return (budget,) if budget else ()
