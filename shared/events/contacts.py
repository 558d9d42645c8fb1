"""Personal data of clients (D19): on a compacted topic of its own and nowhere else, keyed by client like its facts."""

from datetime import date
from typing import ClassVar, Literal

import msgspec

from shared.events.base import Key, Message, Topic


class ContactPoint(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Where a client can be reached by one channel."""

    channel: Literal["email"]
    address: str


class Consent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Whether a client agreed to be reached by a channel for a purpose, and since when; absent means no."""

    channel: Literal["email"]
    purpose: Literal["service", "survey"]
    given: bool
    since: date


class ContactPut(Message, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """All that is known of how to reach a client, whole: it replaces what an older version said."""

    type: ClassVar[str] = "tocsin.contact.put.v1"
    topic: ClassVar[Topic] = Topic.CONTACTS
    key: ClassVar[Key] = Key.CLIENT
    consumers: ClassVar[tuple[str, ...]] = ("notify", "feedback")
    book: str
    client: str
    version: int
    language: Literal["en", "zh"] = "en"
    name: str = ""
    points: list[ContactPoint] = msgspec.field(default_factory=list)
    consents: list[Consent] = msgspec.field(default_factory=list)
