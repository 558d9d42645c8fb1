"""What every message of the catalogue has: a type, a topic, a key rule, consumers, fields with their meaning."""

from enum import StrEnum
from typing import ClassVar

import msgspec


class Topic(StrEnum):
    """Every topic: one per producer, and one on which foreign producers write."""

    FACTS = "tocsin.facts"
    INTAKE = "tocsin.intake"
    RISK = "tocsin.risk"
    RISK_DEAD_LETTERS = "tocsin.risk.dead-letters"


class Key(StrEnum):
    """By what a message is keyed (D8)."""

    CLIENT = "client"
    CAUSE = "cause"
    BOOK = "book"
    BROADCAST = "broadcast"
    ORIGIN = "origin"


class Message(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A message body: JSON object, unknown fields ignored by readers and impossible for our writers."""

    type: ClassVar[str] = ""
    """CloudEvents `type`, ends in `.v1`; a breaking change is a new class `.v2` beside it."""
    topic: ClassVar[Topic]
    key: ClassVar[Key]
    consumers: ClassVar[tuple[str, ...]] = ()
