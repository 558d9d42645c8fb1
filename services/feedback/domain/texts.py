"""What people type: line ends made one kind, bounds, and characters that cannot be kept made visible."""

import re
from enum import StrEnum

COMMENT_LENGTH_MAX = 1_000
"""Characters of a comment on a verdict."""
TEXT_LENGTH_MAX = 2_000
"""Characters of a remark, a client's or an officer's."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_REPLACEMENT = "\ufffd"


class Wrong(StrEnum):
    """What is wrong with a field of a form."""

    NOT_CHOSEN = "not_chosen"
    """None of the answers offered, or two of them at once."""
    NOTHING = "nothing"
    TOO_LONG = "too_long"
    CONTROL = "control"


def tidy(typed: str) -> str:
    """Return a text with line feeds for line ends (forms send CR LF) and without space around it."""
    return typed.replace("\r\n", "\n").replace("\r", "\n").strip()


def shown_again(typed: str) -> str:
    """Return a text as a form shows it once more: characters that cannot be kept become visible."""
    return _CONTROL.sub(_REPLACEMENT, tidy(typed))


def says_something(text: str) -> bool:
    """Tell whether a text has anything that can be seen: blanks and characters without width say nothing."""
    return any(character.isprintable() and not character.isspace() for character in text)


def wrong_with(text: str, most: int) -> Wrong | None:
    """Return what is wrong with a tidy text of at most `most` characters."""
    if _CONTROL.search(text):
        return Wrong.CONTROL
    return Wrong.TOO_LONG if len(text) > most else None
