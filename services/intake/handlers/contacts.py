"""Contacts (D19): how to reach a client, passed on whole and kept nowhere here.

Personal data is in the outbox row until that is sent, and in nothing else: no ledger, no quarantine. What is kept is
a version number and a salted fingerprint, by which the same contact put again is told from another one.
"""

import hashlib
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from services.intake.domain.contacts import check_contact
from services.intake.domain.findings import Finding
from services.intake.domain.reading import name_of
from services.intake.handlers.desk import Desk
from services.intake.handlers.explaining import explain_json
from services.intake.handlers.facts_in import WRONG
from services.intake.handlers.passing_on import tell_of_client
from services.intake.store import contacts, registry
from shared.db.port import Tx
from shared.events.contacts import Consent, ContactPoint, ContactPut
from shared.kernel.ids import hashed_id, new_id


class Point(ContactPoint, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Where a client can be reached by one channel."""


class ConsentSaid(Consent, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Whether a client agreed to be reached by a channel for a purpose, and since when."""


class PutContact(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """All that is known of how to reach a client: it replaces what was put before. A consent that is absent is none."""

    book: str
    language: Literal["en", "zh"] = "en"
    name: str = ""
    points: list[Point] = []
    consents: list[ConsentSaid] = []


class Put(NamedTuple):
    """What became of a contact, and the version that holds now (0: there is none)."""

    outcome: Literal["changed", "same", "unknown_book", "unknown_client"]
    version: int = 0


_decode = msgspec.json.Decoder(PutContact).decode
_encode = msgspec.json.Encoder(order="sorted").encode


def read_contact(body: bytes, now: datetime) -> PutContact | tuple[Finding, ...]:
    """Return a contact, or everything that is wrong with it."""
    contact: object
    found: list[Finding] = []
    try:
        contact = _decode(body)
    except WRONG as error:
        contact, found = explain_json(body, PutContact, str(error))
    if contact is not None:
        found += check_contact(contact, now)
    return contact if isinstance(contact, PutContact) and not found else tuple(found)


async def put_contact(tx: Tx, desk: Desk, client: str, contact: PutContact) -> Put:
    """Pass a client's contact on as its next version; the same contact again has no effect.

    The client must be known: this is no fact that could wait. It is the client's own id that counts (D8): the contact
    of a client that was merged into another one stays under its own key, as its loans do.
    """
    await desk.fix_lanes(tx)
    book, name = contact.book, name_of("client", contact.book, client)
    if not await registry.read(tx, [name_of("book", book)]):
        return Put("unknown_book")
    # The lock orders what leaves under the client's key (D9).
    if not await registry.lock(tx, [name]):
        return Put("unknown_client")
    before = await contacts.find(tx, book, client)
    if before is not None and before.fingerprint == _fingerprint(contact, before.salt):
        return Put("same", before.version)
    version, salt = (0 if before is None else before.version) + 1, new_id()
    await contacts.save(tx, book, client, version, salt, _fingerprint(contact, salt))
    message = ContactPut(
        book=book,
        client=client,
        version=version,
        language=contact.language,
        name=contact.name,
        points=list(contact.points),
        consents=list(contact.consents),
    )
    await tell_of_client(tx, desk, hashed_id("contact", book, client, version), message, book, client)
    return Put("changed", version)


def _fingerprint(contact: PutContact, salt: str) -> str:
    """Return what tells a contact from others: with a salt of its own, so that equal contacts cannot be matched up."""
    return hashlib.blake2b(_encode(contact), key=salt.encode(), digest_size=16).hexdigest()
