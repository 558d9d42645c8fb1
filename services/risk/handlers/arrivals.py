"""Records of the topics that are folded, as typed arrivals: envelope from the headers, body by its type's decoder."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

import msgspec

from services.risk.domain.moments import micros_of
from shared.events import facts, feedback, intake
from shared.events.base import Message
from shared.events.envelope import Envelope, from_headers
from shared.kernel.days import Day, day_of
from shared.kernel.ids import digest_of
from shared.log.port import Record

SURVEYS: tuple[type[Message], ...] = (feedback.SurveyInvited, feedback.SurveyAnswered)
MESSAGES: tuple[type[Message], ...] = (*facts.FACTS, intake.BookOpened, intake.BookDayClosed, *SURVEYS)
"""What risk folds; other types on the topics are skipped and counted."""

_DECODERS: dict[str, Callable[[bytes], Message]] = {
    message.type: msgspec.json.Decoder(message).decode for message in MESSAGES
}

LOAN, PROJECT, SURVEY, CLIENT = "loan", "project", "survey", "client"

Folded = facts.Fact | feedback.SurveyInvited | feedback.SurveyAnswered

_SUBJECT_FIELD = {
    facts.ClientRegistered.type: CLIENT,
    facts.ClientChanged.type: CLIENT,
    facts.ClientMerged.type: CLIENT,
    facts.ProjectRegistered.type: PROJECT,
    facts.ProjectReported.type: PROJECT,
    facts.MilestoneReported.type: PROJECT,
    facts.LoanDisbursed.type: LOAN,
    facts.LoanTakenOn.type: LOAN,
    facts.RepaymentReceived.type: LOAN,
    facts.RepaymentReversed.type: LOAN,
    facts.LoanCapitalised.type: LOAN,
    facts.LoanRestructured.type: LOAN,
    facts.LoanChargedOff.type: LOAN,
    facts.RecoveryReceived.type: LOAN,
    facts.RecoveryReversed.type: LOAN,
    facts.LoanClosed.type: LOAN,
    facts.LoanLeftBook.type: LOAN,
    **{message.type: SURVEY for message in SURVEYS},
}
"""Which field of a fact names what it is folded into; a correction is folded where its target is."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One fact, or event of a survey, as it came."""

    record: Record
    envelope: Envelope
    message: Folded
    subject: str
    """`kind/book/id`; empty for a correction until its target is found."""
    day: Day
    known_at_us: int
    received_at_us: int


class Control(NamedTuple):
    """A book opened or a day closed."""

    envelope: Envelope
    message: intake.BookOpened | intake.BookDayClosed
    offset: int


class Arrivals(NamedTuple):
    """A batch, decoded, in the order of its records."""

    facts: list[Arrival]
    controls: list[Control]
    unknown: int


def subject_of(kind: str, book: str, name: str) -> str:
    """Return the key under which facts are folded."""
    return f"{kind}/{book}/{name}"


def split_subject(subject: str) -> tuple[str, str, str]:
    """Return (kind, book, id) of a key."""
    kind, book, name = subject.split("/", 2)
    return kind, book, name


def decode_body(kind: str, body: bytes) -> Any:
    """Return a fact of that type; msgspec.DecodeError when the bytes are something else."""
    return _DECODERS[kind](body)


def decode_batch(records: Iterable[Record]) -> Arrivals:
    """Return the records decoded; ValueError or msgspec.DecodeError for one that is not what its type says."""
    arrived: list[Arrival] = []
    controls: list[Control] = []
    unknown = 0
    for record in records:
        envelope = from_headers(record.headers)
        decode = _DECODERS.get(envelope.type)
        if decode is None:
            unknown += 1
            continue
        message = decode(record.value)
        if isinstance(message, intake.BookOpened | intake.BookDayClosed):
            controls.append(Control(envelope, message, record.offset))
        elif isinstance(message, Folded):
            arrived.append(_arrival(record, envelope, message))
    return Arrivals(arrived, controls, unknown)


def _arrival(record: Record, envelope: Envelope, message: Folded) -> Arrival:
    kind = _SUBJECT_FIELD.get(envelope.type)
    subject = "" if kind is None else subject_of(kind, message.book, getattr(message, kind))
    received_at_us = micros_of(envelope.time)
    known_at = envelope.known_at or getattr(message, "known_at", None)
    if known_at is not None and known_at.tzinfo is None:
        raise ValueError("known_at has no zone")
    return Arrival(
        record,
        envelope,
        message,
        subject,
        day_of(_date_of(message)),
        received_at_us if known_at is None else micros_of(known_at),
        received_at_us,
    )


def _date_of(message: Folded) -> date:
    match message:
        case feedback.SurveyInvited():
            return message.invited_on
        case feedback.SurveyAnswered():
            return message.answered_on
        case _:
            return message.value_date


def digest(arrival: Arrival) -> str:
    """Return the digest by which a repeated fact is told from another one under the same id."""
    return digest_of(arrival.record.value)
