"""What wording is asked for and what it answers."""

from typing import Literal, NamedTuple

Audience = Literal["staff", "client"]
Language = Literal["en", "zh"]


class Written(NamedTuple):
    """A message in words, and the template that they come from."""

    subject: str
    """One line."""
    text: str
    html: str
    template: str
    """Name of the template, such as `staff/opened.en`."""
    version: str
    """The template's own number and a digest of all its sources, such as `1-4f2a9c1e`."""


class WordingFailed(Exception):
    """A template did not come to an end as it should; the message says why, without personal data."""

    def __init__(self, reason: str) -> None:
        """`reason` is a sentence for operators."""
        super().__init__(reason)
        self.reason = reason
