"""What every mapping profile speaks: files in, one tape out (facts in time order, and what could not be mapped)."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

from shared.kernel.days import Day, format_day

Body = dict[str, Any]

_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2199


class Origin(NamedTuple):
    """Where in a tape something stands: file name and line (the header is line 1)."""

    file: str
    row: int


class TapeFact(NamedTuple):
    """One fact as a CloudEvent, with its business day and the line it comes from."""

    day: Day
    order: int
    """Place among the facts of one subject on one day, in seconds after midnight: a pay-off follows its payment."""
    event: Body
    origin: Origin

    @property
    def id(self) -> str:
        """The producer's id of the fact."""
        return str(self.event["id"])


class Reject(NamedTuple):
    """A row, or a part of one, that was not sent, and why."""

    file: str
    row: int
    column: str
    reason: str


@dataclass
class Tape:
    """A mapped tape: its facts by time, its rejects, and the last day that it speaks about."""

    facts: list[TapeFact] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    last_day: Day = 0

    def reject(self, origin: Origin, column: str, reason: str) -> None:
        """Note what cannot be sent."""
        self.rejects.append(Reject(origin.file, origin.row, column, reason))

    def sort(self) -> None:
        """Put the facts into time order; the order is the same for the same files."""
        self.facts.sort(key=lambda fact: (fact.day, fact.order, fact.id))
        self.rejects.sort()


class Profile(Protocol):
    """A known shape of tape."""

    @property
    def name(self) -> str:
        """The profile's name on the command line, and the `source` of its facts."""

    @property
    def book(self) -> str:
        """The book that it fills unless another is asked for."""

    @property
    def files(self) -> str:
        """Which files it wants, in words."""

    def opening(self, book: str) -> Body:
        """Return the body that opens the book."""

    def read(self, files: Sequence[Path], book: str) -> Tape:
        """Map the files; TapeUnreadable when they are not of this shape."""


def source_of(profile: Profile, book: str) -> str:
    """Return the `source` of a profile's facts: its name, with another book than its own both.

    The ids of facts are unique within a source, and one tape may go into several books of a system.
    """
    return profile.name if book == profile.book else f"{profile.name}/{book}"


class TapeUnreadable(Exception):
    """A file cannot be read as a tape of this profile at all."""


class Row:
    """One line of a tape; its readers raise BadCell with the column and the reason."""

    __slots__ = ("cells", "origin")

    def __init__(self, cells: dict[str, str], origin: Origin) -> None:
        """`cells` are the texts by column."""
        self.cells = cells
        self.origin = origin

    def text(self, column: str) -> str:
        """Return a text that must not be empty."""
        value = self.cells[column].strip()
        if not value:
            raise BadCell(column, "is empty")
        return value

    def optional(self, column: str) -> str | None:
        """Return a text, or None when it is empty or its column is missing."""
        return self.cells.get(column, "").strip() or None

    def cents(self, column: str) -> int:
        """Return an amount in cents, rounded half to even where the tape has more digits."""
        text = self.text(column)
        try:
            value = Decimal(text)
            cents = int((value * 100).to_integral_value())
        except (InvalidOperation, ValueError, OverflowError):
            raise BadCell(column, f"{text!r} is not an amount") from None
        if abs(cents) > 10**15:
            raise BadCell(column, f"{text!r} is too large for an amount")
        return cents

    def month(self, column: str) -> int:
        """Return a `YYYY-MM` as month number."""
        text = self.text(column)
        year, _, month = text.partition("-")
        if not (len(text) == 7 and year.isascii() and year.isdigit() and month.isascii() and month.isdigit()):
            raise BadCell(column, f"{text!r} is not a month (YYYY-MM)")
        if not (_EARLIEST_YEAR <= int(year) <= _LATEST_YEAR and 1 <= int(month) <= 12):
            raise BadCell(column, f"{text!r} is not a month (YYYY-MM)")
        return int(year) * 12 + int(month) - 1

    def date(self, column: str) -> date:
        """Return a `YYYY-MM-DD`."""
        text = self.text(column)
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            raise BadCell(column, f"{text!r} is not a date (YYYY-MM-DD)") from None


class BadCell(Exception):
    """A cell that cannot be mapped."""

    def __init__(self, column: str, reason: str) -> None:
        """`reason` ends up in the rejects file."""
        super().__init__(f"{column}: {reason}")
        self.column, self.reason = column, reason


def rows_of(path: Path) -> tuple[list[str], Iterator[Row]]:
    """Return the header of a CSV file, gzipped or not, and its rows; TapeUnreadable when it is neither."""
    try:
        with _opened(path) as text:
            header = [name.strip() for name in next(csv.reader(text), [])]
    except _UNREADABLE as error:
        raise TapeUnreadable(f"{path}: {error}") from error
    return header, _rows(path, header)


def _rows(path: Path, header: list[str]) -> Iterator[Row]:
    line = 0
    try:
        with _opened(path) as text:
            reader = csv.reader(text)
            next(reader)
            for cells in reader:
                line = reader.line_num
                if cells:
                    padded = [*cells, *[""] * (len(header) - len(cells))]
                    yield Row(dict(zip(header, padded, strict=False)), Origin(path.name, line))
    except _UNREADABLE as error:
        raise TapeUnreadable(f"{path}, after line {line}: {error}") from error


_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source = gzip.GzipFile(fileobj=raw) if zipped else raw
        with io.TextIOWrapper(source, encoding="utf-8-sig", newline="") as text:
            yield text


def money(cents: int) -> str:
    """Return cents as the decimal string of a fact."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"


class FactWriter:
    """Writes the facts of one tape: deterministic ids, the profile as source, known on the day itself."""

    def __init__(self, source: str, book: str, tape: Tape) -> None:
        """Facts go into `tape`."""
        self._source, self._book, self._tape = source, book, tape

    def write(self, id_: str, type_: str, day: Day, origin: Origin, order: int = 0, **fields: object) -> None:
        """Add one fact; `type_` without `tocsin.` and version, fields that are None are left out."""
        text = format_day(day)
        data = {
            "book": self._book,
            "value_date": text,
            "known_at": f"{text}T00:{order // 60:02d}:{order % 60:02d}Z",
            **{name: value for name, value in fields.items() if value is not None},
        }
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": self._source,
            "type": f"tocsin.{type_}.v1",
            "datacontenttype": "application/json",
            "data": data,
        }
        self._tape.facts.append(TapeFact(day, order, event, origin))
