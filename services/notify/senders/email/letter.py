"""An e-mail as bytes: text and HTML of one message, the same at every attempt but for its date."""

import re
import unicodedata
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from services.notify.domain.delivery import Outgoing
from services.notify.domain.directory import EMAIL_LENGTH_MAX, EMAIL_PATTERN

_ADDRESS = re.compile(EMAIL_PATTERN, re.ASCII)
_LINE_BREAKING = frozenset({"Cc", "Zl", "Zp"})


class Unwritable(Exception):
    """No e-mail can be made of a message; the text says why, without the address."""


def make_letter(message: Outgoing, sender: str, date: datetime) -> bytes:
    """Return the e-mail with CRLF line ends; Unwritable when address or subject would break its headers."""
    if len(message.destination) > EMAIL_LENGTH_MAX or not _ADDRESS.fullmatch(message.destination):
        raise Unwritable("the recipient's address is not one mail address of plain characters")
    if any(unicodedata.category(character) in _LINE_BREAKING for character in message.subject):
        raise Unwritable("the subject has a line break or another control character")
    domain = sender.rpartition("@")[2]
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"Tocsin <{sender}>"
    letter["To"] = message.destination
    letter["Subject"] = message.subject
    letter["Date"] = format_datetime(date)
    letter["Message-ID"] = f"<{message.id}@{domain}>"
    # Nobody's absence note answers it (RFC 3834), and mailboxes can file it by rule (RFC 2919).
    letter["Auto-Submitted"] = "auto-generated"
    letter["List-Id"] = f"Tocsin <notify.{domain}>"
    letter.set_content(message.text)
    if message.html:
        letter.add_alternative(message.html, subtype="html")
        letter.set_boundary(f"tocsin-{message.id}")
    return letter.as_bytes()
