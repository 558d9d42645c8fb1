"""Queries on the versions of contacts."""

from typing import Any

from sqlalchemy import Row, select

from services.intake.store.tables import CONTACT
from shared.db.port import Tx

_COLUMNS = ("book", "client", "version", "salt", "fingerprint")


async def find(tx: Tx, book: str, client: str) -> Row[Any] | None:
    """Return the latest version of a client's contact: its number and what tells it from others."""
    return await tx.row(select(CONTACT).where(CONTACT.c.book == book, CONTACT.c.client == client))


async def save(tx: Tx, book: str, client: str, version: int, salt: str, fingerprint: str) -> None:
    """Note a new version."""
    await tx.upsert(CONTACT, _COLUMNS, [(book, client, version, salt, fingerprint)], ("book", "client"))
