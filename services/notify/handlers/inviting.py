"""Clients: their contacts as intake tells them, and the surveys to which feedback invites them."""

from collections.abc import Iterable

import msgspec

from services.notify.domain.clients import contact_id
from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import Address, Channel, RecipientKind
from services.notify.domain.planning import NoticeState, notice_id
from services.notify.domain.reasons import NoticeReason
from services.notify.store import contacts, notices
from services.notify.store.notices import NoticeRow
from shared.db.port import Tx
from shared.events.contacts import ContactPut
from shared.events.envelope import from_headers
from shared.events.feedback import SurveyInvited
from shared.log.port import Record
from shared.telemetry import onward, origin_of

CLIENT = "client"
_decode_survey = msgspec.json.Decoder(SurveyInvited).decode
_decode_contact = msgspec.json.Decoder(ContactPut).decode


async def take_invitations(tx: Tx, records: Iterable[Record]) -> None:
    """Take a batch of feedback's topic: a notice for each survey that is new. Whether it may go is decided later."""
    invited = [record for record in records if from_headers(record.headers).type == SurveyInvited.type]
    surveys = [_decode_survey(record.value) for record in invited]
    origins = {one.survey: origin_of(record.headers) for one, record in zip(surveys, invited, strict=True)}
    if any(one.expires_at.tzinfo is None for one in surveys):
        raise ValueError("expires_at has no zone")
    new = await contacts.add_surveys(tx, surveys)
    first = {one.survey: one for one in surveys if one.survey in new}
    await notices.add_notices(tx, [_notice(tx, one, onward(origins[one.survey])) for one in first.values()])


def _notice(tx: Tx, survey: SurveyInvited, traceparent: str) -> NoticeRow:
    address = Address(Channel.EMAIL, RecipientKind.CLIENT, contact_id(survey.book, survey.client))
    return NoticeRow(
        notice_id(survey.survey, 0, Purpose.SURVEY, address),
        survey.survey,
        0,
        Purpose.SURVEY.value,
        CLIENT,
        *address,
        NoticeState.WAITING.value,
        NoticeReason.INVITED.value,
        "",
        "",
        tx.now,
        tx.now,
        traceparent=traceparent,
    )


async def take_contacts(tx: Tx, records: Iterable[Record]) -> None:
    """Take a batch of the contacts: newer versions replace older ones, and what waited for them goes on."""
    newest: dict[str, ContactPut] = {}
    for record in records:
        if from_headers(record.headers).type != ContactPut.type:
            continue
        contact = _decode_contact(record.value)
        name = contact_id(contact.book, contact.client)
        if name not in newest or contact.version > newest[name].version:
            newest[name] = contact
    known = await contacts.hold_contacts(tx, list(newest))
    fresh = {name: contact for name, contact in newest.items() if contact.version > known[name].version}
    if fresh:
        await contacts.save_contacts(tx, fresh.values())
        await notices.release_held(tx, fresh, tx.now)
