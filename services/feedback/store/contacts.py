"""Who may be asked (D19: consents and language, no names and no addresses)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select

from services.feedback.store.tables import CONTACT
from shared.db.among import among
from shared.db.port import Tx


class ContactRow(NamedTuple):
    """What is known of how a client may be reached; the fields are the columns of the table."""

    book: str
    client: str
    version: int
    language: str
    reachable: bool
    consent: bool


async def contacts_of(tx: Tx, book: str, clients: Iterable[str]) -> dict[str, ContactRow]:
    """Return client -> contact of those that are known."""
    rows = await tx.rows(select(CONTACT).where(CONTACT.c.book == book, among(CONTACT.c.client, clients)))
    return {row.client: ContactRow(*row) for row in rows}


async def save_contacts(tx: Tx, contacts: Sequence[ContactRow]) -> None:
    """Write contacts, whole."""
    await tx.upsert(CONTACT, ContactRow._fields, contacts, ("book", "client"))


async def language_of(tx: Tx, book: str, client: str) -> str | None:
    """Return a client's language; None when no contact is known."""
    row = await tx.row(select(CONTACT.c.language).where(CONTACT.c.book == book, CONTACT.c.client == client))
    return None if row is None else str(row.language)
