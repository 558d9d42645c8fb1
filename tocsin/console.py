"""What the commands share in front of a reader: options, tables, JSON, numbers as people read them."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from shared.kernel.money import format_amount
from tocsin.client import DEFAULT_DATA, Client, find_system

_WIDTH_WITHOUT_TERMINAL = 180
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Url = Annotated[
    str | None, typer.Option("--url", envvar="TOCSIN_URL", help="Address of the system, e.g. http://127.0.0.1:8400.")
]
Key = Annotated[str | None, typer.Option("--key", envvar="TOCSIN_KEY", help="API key to show there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Book = Annotated[str | None, typer.Option("--book", help="Only this book.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="As at this business date (YYYY-MM-DD).")]


def _moment(text: str | None) -> str | None:
    """Return a date as the moment at which that day ends (UTC); a moment as it is."""
    return f"{text}T23:59:59.999999Z" if text is not None and _DATE.fullmatch(text) else text


KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        callback=_moment,
        help="With what was known by then: 2020-05-01T09:30:00Z, or 2020-05-01 for the end of that day (UTC).",
    ),
]

LEVEL_STYLE = {"red": "bold red", "amber": "yellow", "none": "dim"}


class FileUnreadable(Exception):
    """A file that was named is not text."""


def text_of(file: Path) -> str:
    """Return the text of a file; FileUnreadable when it cannot be read or is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"{file} cannot be read: {error}") from error


def out() -> Console:
    """Return the console on standard output; wide enough for any table when nobody watches."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)


def err() -> Console:
    """Return the console on standard error."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDTH_WITHOUT_TERMINAL)


def data_folder() -> Path:
    """Return the data folder: TOCSIN_DATA, else `.tocsin`."""
    return Path(os.environ.get("TOCSIN_DATA") or DEFAULT_DATA)


def connect(url: str | None, key: str | None) -> Client:
    """Return a client of the system that the options, the environment or the data folder name."""
    return Client(find_system(url, key, data_folder()))


def print_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under their columns, or one sentence when there are none; names that end in # align right."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.removesuffix("#"), justify="right" if column.endswith("#") else "left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out().print(table if table.row_count else empty)


def print_fields(fields: dict[str, Any]) -> None:
    """Print one thing, a field on each line; nested values as JSON."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
        table.add_row(name, "" if text is None else str(text))
    out().print(table)


def percent(value: float | None) -> str:
    """Return a fraction in percent, with one digit, with two below one percent; a dash without a value."""
    if value is None:
        return "–"
    return f"{value * 100:.2f} %" if abs(value) < 0.00995 else f"{value * 100:.1f} %"


def parts(numerator: int | None, denominator: int | None, currency: str | None = None) -> str:
    """Return `191 of 931`; with a currency the numbers are its minor units: `1,409,797.01 of 8,014,315.16 USD`."""
    if numerator is None or denominator is None:
        return ""
    if currency is None:
        return f"{numerator:,} of {denominator:,}"
    return f"{_grouped(numerator, currency)} of {_grouped(denominator, currency)} {currency}"


def _grouped(amount_minor: int, currency: str) -> str:
    whole, point, fraction = format_amount(amount_minor, currency).partition(".")
    return f"{int(whole):,}{point}{fraction}"
