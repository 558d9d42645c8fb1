"""An alert's explanation as its page reads it: risk's words, every one of them optional, the unknown ignored."""

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """A level: entered at `enter`, kept until the value is back inside `leave`. Fractions."""

    enter: float
    leave: float


class Period(msgspec.Struct, frozen=True):
    """A period of the course that led to the alert."""

    period: str
    value: float | None = None
    numerator: int = 0
    denominator: int = 0
    level: str = "none"
    final: bool = True


class Contribution(msgspec.Struct, frozen=True):
    """A segment's part of the change; fractions."""

    segment: str
    contribution: float
    value: float | None = None
    value_before: float | None = None
    numerator: int = 0
    denominator: int = 0


class Split(msgspec.Struct, frozen=True):
    """The change by one attribute."""

    attribute: str
    contributions: tuple[Contribution, ...] = ()
    rest: float = 0.0
    rest_segments: int = 0


class Before(msgspec.Struct, frozen=True):
    """The period that it is compared with."""

    period: str
    value: float
    change: float
    splits: tuple[Split, ...] = ()


class Largest(msgspec.Struct, frozen=True):
    """A loan or project that weighs much."""

    id: str
    what: str
    what_zh: str = ""
    amount_minor: int | None = None
    currency: str | None = None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows of an explanation."""

    title: str = ""
    counted: str = ""
    basis: str = "count"
    currency: str = ""
    direction: str = "above"
    rule: str = ""
    parts: dict[str, int] = {}
    amber: Limit | None = None
    red: Limit | None = None
    before: Before | None = None
    top: tuple[Largest, ...] = ()
    data_as_of: str = ""
    data_age_days: int = 0
    notes: tuple[str, ...] = ()
    notes_zh: tuple[str, ...] = ()
    peak_level: str = ""
    series: tuple[Period, ...] = ()


def read_explained(explanation: dict[str, object]) -> Explained:
    """Return what can be read of an explanation; nothing of one that has another shape."""
    try:
        return msgspec.convert(explanation, Explained)
    except msgspec.ValidationError:
        return Explained()
