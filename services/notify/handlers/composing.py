"""Notices whose time has come become messages: gathered in one read, put into words outside any transaction, kept.

Only one process composes at a time; if two did, the second would find its notices gone and keep nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.notify import metrics
from services.notify.domain.clients import Agreed, Reach, reach
from services.notify.domain.content import AlertContent, Notice, SurveyContent, webhook_body
from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import Address, Channel, Directory, RecipientKind
from services.notify.domain.grouping import Due, Group, group
from services.notify.domain.plain import plain_words
from services.notify.domain.planning import NoticeState
from services.notify.domain.reasons import NoticeReason
from services.notify.domain.retrying import MessageState
from services.notify.handlers.desk import Desk
from services.notify.store import alerts, contacts, destinations, messages, notices
from services.notify.store.contacts import Contact
from services.notify.store.directory import read_directory
from services.notify.store.messages import MessageRow
from services.notify.store.notices import NoticeRow
from services.notify.wording import Audience, Language, WordingFailed
from shared.db.port import Tx
from shared.events.feedback import SurveyInvited
from shared.events.risk import AlertRevised

RECIPIENTS_MOST = 10
NOTICES_MOST = 10_000
_SLICE = 25
"""Notices put into words before others get a turn."""


class Taken(Exception):
    """Another process has composed these notices."""


class Work(NamedTuple):
    """What is due, with all that its words are made of."""

    now: datetime
    rows: dict[str, NoticeRow]
    directory: Directory
    revisions: dict[tuple[str, int], AlertRevised]
    surveys: dict[str, SurveyInvited]
    contacts: dict[str, Contact]


class HeldBack(NamedTuple):
    """Notices that cannot be told."""

    notices: Sequence[str]
    state: NoticeState
    reason: NoticeReason
    until: datetime
    contact: tuple[str, int] | None = None
    """The contact that this was decided from, and its version."""


class Composed(NamedTuple):
    """Messages with the notices that each tells, and what cannot be told."""

    messages: Sequence[tuple[MessageRow, Sequence[str]]]
    held: Sequence[HeldBack]


class Recipient(NamedTuple):
    """Who a message goes to, now that it is written."""

    channel: Channel
    destination: str
    name: str
    language: str


async def gather(tx: Tx, desk: Desk) -> Work | None:
    """Return what is due now; None when nothing is."""
    window = timedelta(seconds=desk.settings.group_window_s)
    found = await notices.due_notices(tx, tx.now, tx.now + window, RECIPIENTS_MOST, NOTICES_MOST)
    if not found:
        return None
    surveys = await contacts.surveys_named(tx, {row.subject for row in found if row.purpose == Purpose.SURVEY})
    return Work(
        tx.now,
        {row.id: row for row in found},
        await read_directory(tx),
        await alerts.revisions_among(tx, {row.subject for row in found if row.purpose != Purpose.SURVEY}),
        surveys,
        await contacts.contacts_named(
            tx, {row.recipient for row in found if row.recipient_kind == RecipientKind.CLIENT}
        ),
    )


async def put_into_words(work: Work, desk: Desk) -> Composed:
    """Return the messages that due notices become."""
    due = [Due(row.id, row.subject, row.revision, Purpose(row.purpose), row.address) for row in work.rows.values()]
    levels = {place: revision.level for place, revision in work.revisions.items()}
    written: list[tuple[MessageRow, Sequence[str]]] = []
    held: list[HeldBack] = []
    for one in group((notice for notice in due if notice.purpose is not Purpose.SURVEY), levels):
        recipient = _staff(work.directory, one.address, desk)
        if recipient is None:
            ids = [notice.id for notice in one.notices]
            held.append(HeldBack(ids, NoticeState.DROPPED, NoticeReason.RECIPIENT_GONE, work.now))
            continue
        content = AlertContent(notices=await _told(work, one, desk), recipient_name=recipient.name)
        deadline = work.now + timedelta(hours=desk.settings.send_age_h)
        message = await _message(one, "staff", recipient, content, deadline, work, desk)
        written.append((message, [notice.id for notice in one.notices]))
    for notice in due:
        if notice.purpose is Purpose.SURVEY:
            invited = await _invite(work, notice, desk)
            if isinstance(invited, HeldBack):
                held.append(invited)
            else:
                written.append((invited, [notice.id]))
    return Composed(written, held)


async def keep(tx: Tx, composed: Composed) -> None:
    """Keep what was composed; Taken when somebody else did so first."""
    await messages.add_messages(tx, [message for message, _ in composed.messages])
    for message, ids in composed.messages:
        if await notices.mark_told(tx, ids, message.id) != len(ids):
            raise Taken
        await asyncio.sleep(0)
    seen = dict(one.contact for one in composed.held if one.contact is not None)
    now_known = await contacts.hold_contacts(tx, list(seen)) if seen else {}
    for one in composed.held:
        # A contact that came in the meantime may change the answer: look again.
        if one.contact is None or now_known[one.contact[0]].version == one.contact[1]:
            await notices.hold_back(tx, one.notices, one.state, one.reason, one.until)
            metrics.HELD.labels(one.reason).inc(len(one.notices))
    await destinations.call(tx, {(message.channel, message.destination) for message, _ in composed.messages})


def _staff(directory: Directory, address: Address, desk: Desk) -> Recipient | None:
    """Return who is told; None when the recipient is gone."""
    if address.kind is RecipientKind.ENDPOINT:
        known = address.recipient in directory.endpoints
        return Recipient(Channel.WEBHOOK, address.recipient, "", "en") if known else None
    person = directory.people.get(address.recipient)
    if person is None:
        fallback = address.recipient == desk.settings.fallback_person
        return Recipient(Channel.INBOX, address.recipient, "", "en") if fallback else None
    channel, destination = address.channel, address.recipient
    if channel is Channel.EMAIL:
        # Without a mail server, or an address any more, the inbox takes it.
        mailed = person.email and channel in desk.channels
        channel, destination = (channel, person.email) if mailed else (Channel.INBOX, destination)
    return Recipient(channel, destination, person.name, person.language)


async def _told(work: Work, one: Group, desk: Desk) -> tuple[Notice, ...]:
    """Return a group's notices as they are put into words, each with a link of the recipient's own."""
    told: list[Notice] = []
    for place, due in enumerate(one.notices):
        if place % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        message = work.revisions[due.subject, due.revision]
        expires = work.rows[due.id].created_at + timedelta(days=desk.settings.link_age_d)
        token = desk.links.token("alert", message.alert, one.address.recipient, expires)
        told.append(
            Notice(
                alert=message.alert,
                purpose=due.purpose,
                change=message.change,
                state=message.state,
                level=message.level,
                book=message.book,
                indicator=message.indicator,
                segment=message.segment,
                period=message.period,
                as_of=message.as_of,
                value=message.value,
                numerator=message.numerator,
                denominator=message.denominator,
                provisional=message.provisional,
                owner=message.owner,
                policy=message.policy,
                policy_version=message.policy_version,
                sentence=message.sentence,
                sentence_zh=message.sentence_zh,
                url=desk.links.url(f"/notify/v1/pages/alerts/{token}"),
            )
        )
    return tuple(told)


async def _invite(work: Work, due: Due, desk: Desk) -> MessageRow | HeldBack:
    """Return the invitation of a client, or why it cannot go."""
    survey, contact = work.surveys[due.subject], work.contacts.get(due.address.recipient, Contact(0, None))
    if work.now >= survey.expires_at:
        return HeldBack([due.id], NoticeState.DROPPED, NoticeReason.EXPIRED, work.now)
    reached = _reach(contact)
    if Channel.EMAIL not in desk.channels:
        return HeldBack([due.id], NoticeState.HELD, NoticeReason.NO_MAIL_SERVER, survey.expires_at)
    if not reached.address:
        seen = (due.address.recipient, contact.version)
        return HeldBack([due.id], NoticeState.HELD, reached.reason, survey.expires_at, seen)
    assert contact.put is not None, "who can be reached is known"
    token = desk.links.token("survey", survey.survey, survey.client, survey.expires_at)
    content = SurveyContent(
        client_name=contact.put.name,
        occasion=survey.occasion,
        url=desk.links.url(f"/feedback/v1/pages/surveys/{token}"),
        expires_on=survey.expires_on,
    )
    alone = Group(due.id, due.address, due.purpose, [due])
    recipient = Recipient(Channel.EMAIL, reached.address, contact.put.name, contact.put.language)
    deadline = min(survey.expires_at, work.now + timedelta(hours=desk.settings.send_age_h))
    return await _message(alone, "client", recipient, content, deadline, work, desk)


def _reach(contact: Contact) -> Reach:
    if contact.put is None:
        return reach(False, {}, ())
    addresses = {str(point.channel): point.address for point in contact.put.points}
    return reach(True, addresses, [Agreed(one.channel, one.purpose, one.given) for one in contact.put.consents])


async def _message(
    one: Group,
    audience: Audience,
    recipient: Recipient,
    content: AlertContent | SurveyContent,
    deadline: datetime,
    work: Work,
    desk: Desk,
) -> MessageRow:
    """Put a group into words; in plain ones when its template fails."""
    language: Language = "zh" if recipient.language == "zh" else "en"
    failed = ""
    try:
        # In a thread: a large burst takes tens of milliseconds, in which others want a turn.
        written = await asyncio.to_thread(desk.words.write, one.purpose, audience, language, content)
        subject, text, html = written.subject, written.text, written.html
        template, version = written.template, written.version
    except WordingFailed as error:
        metrics.WORDING_FAILURES.labels(one.purpose).inc()
        failed = error.reason[:500]
        subject, text = plain_words(content, language)
        html, template, version = "", "plain", "1"
    payload: dict[str, Any] = {}
    if recipient.channel is Channel.WEBHOOK and isinstance(content, AlertContent):
        payload = webhook_body(content, work.now)
    return MessageRow(
        one.id,
        recipient.channel.value,
        one.address.kind.value,
        one.address.recipient,
        recipient.destination,
        audience,
        one.purpose.value,
        language,
        subject,
        text,
        html,
        payload,
        template,
        version,
        failed,
        MessageState.WAITING.value,
        "",
        0,
        0,
        "",
        work.now,
        deadline,
        None,
        next((found for due in one.notices if (found := work.rows[due.id].traceparent)), ""),
    )
