"""What is wrong with a value, and the rules for single values: ids, amounts, dates, moments, words."""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from shared.kernel.money import CURRENCY_DIGITS, MAX_AMOUNT_MINOR, parse_amount

ID_LENGTH_MAX = 64
SOURCE_LENGTH_MAX = 128
WORD_LENGTH_MAX = 64
ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
BOOK_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
AMOUNT_PATTERN = r"^[0-9]{1,16}(\.[0-9]{1,3})?$"
RATE_PATTERN = r"^[0-9]{1,2}(\.[0-9]{1,12})?$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(2199, 12, 31)
_SURELY_FITS = len(str(MAX_AMOUNT_MINOR)) - 1
"""An amount of so many digits in minor units is smaller than the largest one."""
AHEAD_MAX = timedelta(days=1)
"""How far `known_at` may lie in the future: clocks of sources differ, business days end later in the west."""

_ID = re.compile(ID_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)
_BOOK = re.compile(BOOK_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)
_AMOUNT = re.compile(AMOUNT_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)
_RATE = re.compile(RATE_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)


class Finding(NamedTuple):
    """One thing that is wrong: where (JSON pointer, RFC 6901) and what."""

    pointer: str
    detail: str


def id_problem(value: str) -> str | None:
    """Say what is wrong with the id of a client, loan or project, or of a fact that is referred to."""
    if _ID.fullmatch(value):
        return None
    return f"an id has 1 to {ID_LENGTH_MAX} characters of A-Z a-z 0-9 . _ : / -"


def book_problem(value: str) -> str | None:
    """Say what is wrong with the id of a book; it has no slash, because record keys are `book/client`."""
    if _BOOK.fullmatch(value):
        return None
    return f"a book's id has 1 to {ID_LENGTH_MAX} characters of A-Z a-z 0-9 . _ : -"


def origin_problem(value: str, length_max: int) -> str | None:
    """Say what is wrong with a producer's own id or with its source: free text, but printable and short."""
    if 0 < len(value) <= length_max and value.isprintable():
        return None
    return f"1 to {length_max} printable characters"


def word_problem(value: str) -> str | None:
    """Say what is wrong with a segment attribute or a phase."""
    if 0 < len(value) <= WORD_LENGTH_MAX and value.isprintable() and value == value.strip():
        return None
    return f"1 to {WORD_LENGTH_MAX} printable characters without blanks around them"


def currency_problem(value: str) -> str | None:
    """Say what is wrong with a currency code."""
    return None if value in CURRENCY_DIGITS else f"{value[:8]!r} is not an ISO 4217 currency code"


def amount_problem(value: str, currency: str | None, *, zero: bool = False) -> str | None:
    """Say what is wrong with an amount; without a (known) currency its digits are not counted."""
    if not _AMOUNT.fullmatch(value):
        return f"{value[:24]!r} is not a positive decimal amount such as 1250.00"
    if currency in CURRENCY_DIGITS:
        digits = CURRENCY_DIGITS[currency]
        whole, _, fraction = value.partition(".")
        # Only what may be too large or too fine is worth reading as a number, once for each fact.
        if len(fraction) > digits or len(whole) + digits > _SURELY_FITS:
            try:
                parse_amount(value, currency)
            except ValueError as error:
                return str(error)
    return None if zero or value.strip("0.") else "an amount is larger than zero"


def rate_problem(value: str) -> str | None:
    """Say what is wrong with a yearly rate as a fraction."""
    if _RATE.fullmatch(value) and float(value) <= 5:
        return None
    return 'a yearly rate is a decimal fraction from 0 to 5, such as "0.0425"'


def date_problem(value: date) -> str | None:
    """Say what is wrong with a business date."""
    if FIRST_DATE <= value <= LAST_DATE:
        return None
    return f"a date lies between {FIRST_DATE} and {LAST_DATE}"


def moment_problem(value: datetime, now: datetime) -> str | None:
    """Say what is wrong with `known_at`."""
    if value.tzinfo is None:
        return "a moment needs a time zone, such as 2020-04-01T09:30:00Z"
    if not FIRST_DATE.year <= value.year <= LAST_DATE.year:
        return f"a moment lies between {FIRST_DATE.year} and {LAST_DATE.year}"
    if value > now + AHEAD_MAX:
        return "nobody can have known it yet: more than a day in the future"
    return None
