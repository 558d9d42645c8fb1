"""Clients: only with an address and consent, in whichever order things come, never after the link's time."""

from base64 import b64encode

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.notify.handlers.composing import gather, keep, put_into_words
from services.notify.handlers.inviting import take_contacts
from services.notify.store.tables import HOUSE, MORGUE
from shared.db import outbox
from shared.db.letters import Why, bury
from shared.events.contacts import ContactPut
from tests.notify.house import NOW, House, contact, record, survey


async def test_an_invitation_goes_to_the_client_with_a_link_that_feedback_opens(house: House) -> None:
    await house.contacts(contact())
    await house.feedback(survey())
    await house.feedback(survey())
    await house.send()
    (sent,) = house.channels["email"].sent
    assert sent.destination == "li@example.org"
    token = sent.text.partition("https://tocsin.test/feedback/v1/pages/surveys/")[2].split()[0]
    opened = house.desk.links.open("survey", token, NOW)
    assert (opened.subject, opened.holder, opened.expires) == (survey().survey, "C-1", survey().expires_at)
    (message,) = await house.messages()
    assert (message.audience, message.language, message.recipient) == ("client", "zh", "auto/C-1")


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (None, "no_contact"),
        (contact(given=False), "no_consent"),
        (contact(addresses=()), "no_address"),
    ],
)
async def test_who_cannot_be_asked_is_held_until_that_changes(
    house: House, known: ContactPut | None, reason: str
) -> None:
    if known is not None:
        await house.contacts(known)
    await house.feedback(survey())
    await house.send()
    (held,) = await house.notices()
    assert (held.state, held.reason, held.due_at) == ("held", reason, survey().expires_at)
    assert house.channels["email"].sent == []
    await house.contacts(contact(version=2))
    await house.send()
    assert len(house.channels["email"].sent) == 1


async def test_what_is_held_past_its_time_is_dropped_and_never_sent(small: House) -> None:
    await small.feedback(survey(days=1))
    await small.send()
    small.clock.advance(86_400.0)
    await small.send()
    await small.contacts(contact())
    await small.send()
    (dropped,) = await small.notices()
    assert (dropped.state, dropped.reason) == ("dropped", "expired")
    assert small.channels["email"].sent == []


async def test_an_invitation_that_comes_after_its_time_is_not_sent(small: House) -> None:
    await small.contacts(contact())
    await small.feedback(survey(days=0))
    await small.send()
    assert [one.reason for one in await small.notices()] == ["expired"]


async def test_older_contacts_change_nothing_and_newer_ones_replace_whole(small: House) -> None:
    await small.contacts(contact(version=3))
    await small.contacts(contact(version=2, given=False), contact(version=3, given=False))
    await small.feedback(survey())
    await small.send()
    assert len(small.channels["email"].sent) == 1
    await small.contacts(contact(version=5, given=False), contact(version=4))
    await small.feedback(survey(survey="f" * 32))
    await small.send()
    assert len(small.channels["email"].sent) == 1


async def test_without_a_mail_server_invitations_wait_for_one(small: House) -> None:
    await small.contacts(contact())
    await small.feedback(survey())
    bare = small.other("bare")
    bare.desk = type(bare.desk)(bare.settings, bare.desk.links, bare.desk.words, "bare", 2, frozenset({"inbox"}))
    await bare.compose()
    assert [one.reason for one in await small.notices()] == ["no_mail_server"]
    await small.housekeeping()._release()
    await small.send()
    assert len(small.channels["email"].sent) == 1


async def test_a_contact_that_comes_while_its_invitation_is_looked_at_is_not_missed(house: House) -> None:
    await house.feedback(survey())
    async with house.database.read() as tx:
        work = await gather(tx, house.desk)
    assert work is not None
    composed = await put_into_words(work, house.desk)
    await house.contacts(contact())
    async with house.database.transaction() as tx:
        await keep(tx, composed)
    await house.send()
    assert len(house.channels["email"].sent) == 1


async def test_what_is_known_of_a_client_leaves_no_trace_in_dead_letters_and_errors(house: House) -> None:
    broken = record(contact(), "C-1")._replace(value=b'{"name": "Li", "points": "li@example.org"}')
    async with house.database.transaction() as tx:
        with pytest.raises(msgspec.ValidationError) as refused:
            await take_contacts(tx, [broken])
        await bury(tx, MORGUE, [(broken, Why("undigestible", f"ValidationError: {refused.value} li@example.org"))])
        ((_, letter),) = await outbox.unsent(tx, HOUSE, "tocsin.notify.dead-letters", 0, 10)
    with pytest.raises(DBAPIError) as failed:
        async with house.database.read() as tx:
            await tx.rows(text("SELECT id FROM contact WHERE id = :address AND ("), {"address": "li@example.org"})
    assert b"li@example.org" not in letter.value
    assert b64encode(broken.value) not in letter.value
    assert "li@example.org" not in str(failed.value)
