"""Contacts of clients (D19) and the surveys that they are invited to."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import select

from services.notify.domain.clients import contact_id
from services.notify.store.tables import CONTACT, SURVEY
from shared.db.among import among
from shared.db.port import Tx
from shared.events.contacts import ContactPut
from shared.events.feedback import SurveyInvited

_decode_contact = msgspec.json.Decoder(ContactPut).decode
_decode_survey = msgspec.json.Decoder(SurveyInvited).decode
_encode = msgspec.json.Encoder().encode
_COLUMNS = ("id", "version", "body")


class Contact(NamedTuple):
    """What is known of a client; version 0 and nothing else for one of whom nothing has come."""

    version: int
    put: ContactPut | None


async def contacts_named(tx: Tx, names: Iterable[str]) -> dict[str, Contact]:
    """Return contacts by id."""
    return _found(await tx.rows(select(CONTACT).where(among(CONTACT.c.id, names))))


async def hold_contacts(tx: Tx, names: Sequence[str]) -> dict[str, Contact]:
    """Return contacts by id, held to the end of the transaction; a place is kept for those that have not come.

    Whoever puts a contact and whoever finds it missing hold the same row, so neither misses the other.
    """
    wanted = sorted(set(names))
    await tx.insert_new(CONTACT, _COLUMNS, [(name, 0, b"") for name in wanted], ("id",))
    return _found(
        await tx.rows(select(CONTACT).where(among(CONTACT.c.id, wanted)).order_by(CONTACT.c.id).with_for_update())
    )


def _found(rows: Iterable[tuple[str, int, bytes]]) -> dict[str, Contact]:
    return {name: Contact(version, _decode_contact(body) if version else None) for name, version, body in rows}


async def save_contacts(tx: Tx, contacts: Iterable[ContactPut]) -> None:
    """Replace contacts, whole."""
    rows = [(contact_id(one.book, one.client), one.version, _encode(one)) for one in contacts]
    await tx.upsert(CONTACT, _COLUMNS, rows, ("id",))


async def add_surveys(tx: Tx, surveys: Iterable[SurveyInvited]) -> set[str]:
    """Keep surveys that are not there yet; return the ids of the new ones."""
    rows = [(one.survey, contact_id(one.book, one.client), _encode(one)) for one in surveys]
    new = await tx.insert_new(SURVEY, ("id", "contact", "body"), rows, ("id",))
    return {name for (name,) in new}


async def surveys_named(tx: Tx, names: Iterable[str]) -> dict[str, SurveyInvited]:
    """Return surveys by id."""
    rows = await tx.rows(select(SURVEY.c.id, SURVEY.c.body).where(among(SURVEY.c.id, names)))
    return {row.id: _decode_survey(row.body) for row in rows}
