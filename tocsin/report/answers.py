"""What was sent to people and what they said back, as the report shows it."""

from dataclasses import dataclass, field

from tocsin.client import Json

SYNTHETIC = "people, addresses, verdicts and answers are made up; loans and projects are real"


@dataclass(frozen=True)
class Letter:
    """An e-mail as it arrived, without the keys in its links."""

    recipient: str
    subject: str
    text: str


@dataclass(frozen=True)
class Acknowledged:
    """The acknowledgement that was made on the way, as risk keeps it."""

    alert: str
    by: str
    comment: str


@dataclass(frozen=True)
class Verdict:
    """What an officer of the demo made of an alert, and risk's answer."""

    alert: str
    by: str
    verdict: str
    outcome: str
    decision: str


@dataclass
class Arrived:
    """What came of the messages: for the summary and the report."""

    shown: Letter | None = None
    """The first message of an alert, as it arrived."""
    staff: int = 0
    clients: int = 0
    calls: int = 0
    refused_calls: int = 0
    acknowledged: list[Acknowledged] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    answers: int = 0
    surveys: list[Json] = field(default_factory=list)
    """Survey results of each month that has any."""
    precision: list[Json] = field(default_factory=list)
