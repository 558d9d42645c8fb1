"""What every message of the catalogue has: a type, a topic, a key rule, consumers, fields with their meaning."""

from enum import StrEnum
from typing import ClassVar

import msgspec


class Topic(StrEnum):
    """Every topic: one per producer, one on which foreign producers write, one for personal data, dead letters."""

    FACTS = "tocsin.facts"
    INTAKE = "tocsin.intake"
    CONTACTS = "tocsin.contacts"
    RISK = "tocsin.risk"
    NOTIFY = "tocsin.notify"
    FEEDBACK = "tocsin.feedback"
    RISK_DEAD_LETTERS = "tocsin.risk.dead-letters"
    NOTIFY_DEAD_LETTERS = "tocsin.notify.dead-letters"
    FEEDBACK_DEAD_LETTERS = "tocsin.feedback.dead-letters"


COMPACTED = frozenset({Topic.CONTACTS})
"""Topics of which the log keeps only the last message of each key (D19)."""


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


class DeadLettered(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A message that a service could not digest, with the reason and where it came from; its bytes are kept."""

    key: ClassVar[Key] = Key.ORIGIN
    origin_topic: str
    origin_partition: int
    origin_offset: int
    reason: str
    error: str
    event_id: str = ""
    """Id of the event that was in it, as far as that could be read; its producer likewise."""
    producer: str = ""
    stack: str = ""
    """Where it broke: `module:line function`, outermost first, one a line."""
    value_base64: str = ""
