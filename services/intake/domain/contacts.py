"""What a client's contact must be like: every rule that needs no state, all errors at once.

No finding repeats a value: names and addresses of people stand in no answer, log or metric (D19).
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from services.intake.domain.findings import FIRST_DATE, Finding, book_problem

NAME_LENGTH_MAX = 128
EMAIL_LENGTH_MAX = 254
"""RFC 5321, 4.5.3.1.3: a path of 256 octets less its angle brackets."""
ENTRIES_MAX = 20

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.ASCII)
"""RFC 5321 `Mailbox` with a dot-string before the sign and a host name behind it: no quotes, comments, blanks, line
breaks or address literals, and ASCII only (an international domain is given in its `xn--` form)."""


def check_contact(contact: Any, now: datetime) -> list[Finding]:
    """Return everything that is wrong with a contact's values; absent fields are None."""
    found: list[Finding] = []
    if contact.book is not None and (problem := book_problem(contact.book)):
        found.append(Finding("/book", problem))
    if contact.name is not None and not _is_name(contact.name):
        found.append(Finding("/name", f"at most {NAME_LENGTH_MAX} printable characters without blanks around them"))
    _check_points(contact.points or [], found)
    _check_consents(contact.consents or [], now.date(), found)
    return found


def email_problem(value: str) -> str | None:
    """Say what is wrong with an e-mail address."""
    right = len(value) <= EMAIL_LENGTH_MAX and _EMAIL.fullmatch(value)
    return None if right else "is not an e-mail address such as ann@example.com"


def _is_name(name: str) -> bool:
    return len(name) <= NAME_LENGTH_MAX and name.isprintable() and name == name.strip()


def _check_points(points: Sequence[Any], found: list[Finding]) -> None:
    if len(points) > ENTRIES_MAX:
        found.append(Finding("/points", f"at most {ENTRIES_MAX} entries"))
        return
    seen: set[str] = set()
    for number, point in enumerate(points):
        if point.channel in seen:
            found.append(Finding(f"/points/{number}/channel", "is named twice"))
        seen.add(point.channel)
        if problem := email_problem(point.address):
            found.append(Finding(f"/points/{number}/address", problem))


def _check_consents(consents: Sequence[Any], today: date, found: list[Finding]) -> None:
    if len(consents) > ENTRIES_MAX:
        found.append(Finding("/consents", f"at most {ENTRIES_MAX} entries"))
        return
    seen: set[tuple[str, str]] = set()
    for number, consent in enumerate(consents):
        about = (consent.channel, consent.purpose)
        if about in seen:
            found.append(Finding(f"/consents/{number}", "is given or refused twice for one channel and purpose"))
        seen.add(about)
        # A day ahead at most: the client's day may be further than ours.
        if not FIRST_DATE.toordinal() <= consent.since.toordinal() <= today.toordinal() + 1:
            found.append(Finding(f"/consents/{number}/since", f"a date from {FIRST_DATE} up to now"))
