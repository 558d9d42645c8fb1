"""What feedback learns from others: books and their days, loans closed, alerts, cures, decisions, who may be asked."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from services.feedback.domain.occasion import Kind, Times, ready_on
from services.feedback.handlers.desk import Desk
from services.feedback.store import alerts, books, contacts, surveys
from services.feedback.store.alerts import AlertRow
from services.feedback.store.contacts import ContactRow
from services.feedback.store.surveys import SurveyRow
from services.feedback.store.tables import MORGUE
from shared.db.letters import UNDIGESTIBLE, bury
from shared.db.port import Tx
from shared.events.base import Message
from shared.events.contacts import ContactPut
from shared.events.envelope import from_headers
from shared.events.facts import LoanClosed
from shared.events.intake import BookDayClosed, BookOpened
from shared.events.risk import AlertRequestDecided, AlertRevised, LoanArrearsCured
from shared.kernel.days import Day, day_of
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.runtime.service import Batch

_Decode = Callable[[bytes], Any]


class _Arrival(NamedTuple):
    record: Record
    message: Message


def _decoders(*messages: type[Message]) -> dict[bytes, _Decode]:
    return {message.type.encode(): msgspec.json.Decoder(message).decode for message in messages}


_FROM_INTAKE = _decoders(BookOpened, BookDayClosed, LoanClosed)
_FROM_RISK = _decoders(AlertRevised, AlertRequestDecided, LoanArrearsCured)
_FROM_CONTACTS = _decoders(ContactPut)


def _read(records: Iterable[Record], decoders: dict[bytes, _Decode]) -> Iterator[_Arrival]:
    """Yield the messages that are wanted; of all others nothing but the type's header is looked at."""
    for record in records:
        for name, value in record.headers:
            if name == "ce_type":
                if decode := decoders.get(value):
                    yield _Arrival(record, decode(record.value))
                break
        else:
            raise ValueError("the message has no type")


async def take_intake(tx: Tx, batch: Batch, desk: Desk) -> None:
    """Note books, closes and loans closed; the many other facts of the topic are stepped over."""
    opened: list[tuple[str, int, Day]] = []
    closes: list[tuple[str, Day]] = []
    occasions: list[SurveyRow] = []
    for record, message in _read(batch.records, _FROM_INTAKE):
        if isinstance(message, BookOpened):
            opened.append((message.book, batch.partition, day_of(message.first_day)))
        elif isinstance(message, BookDayClosed):
            closes.append((message.book, day_of(message.day)))
        elif isinstance(message, LoanClosed):
            envelope = from_headers(record.headers)
            known_at = envelope.known_at or message.known_at or envelope.time
            times = _times(day_of(message.value_date), known_at)
            occasions.append(_occasion(message.book, envelope.client, Kind.LOAN_CLOSED, message.loan, times, desk))
    if opened:
        await books.open_lanes(tx, opened)
    if closes:
        await books.close_lanes(tx, batch.partition, closes)
    if occasions:
        await surveys.add_occasions(tx, occasions)


async def take_risk(tx: Tx, batch: Batch, desk: Desk) -> None:
    """Note alerts, what risk decided on verdicts, and loans whose arrears are cured."""
    latest: dict[str, AlertRow] = {}
    occasions: list[SurveyRow] = []
    decided: list[AlertRequestDecided] = []
    for record, message in _read(batch.records, _FROM_RISK):
        if isinstance(message, AlertRevised):
            row = _alert(record.key.decode(), message)
            if row.revision >= latest.get(row.id, row).revision:
                latest[row.id] = row
        elif isinstance(message, AlertRequestDecided):
            decided.append(message)
        elif isinstance(message, LoanArrearsCured):
            times = _times(day_of(message.value_date), message.known_at)
            about = (message.book, message.client, Kind.ARREARS_CURED, message.loan)
            occasions.append(_occasion(*about, times, desk))
    if latest:
        known = await alerts.revisions_of(tx, latest)
        await alerts.save_alerts(tx, [row for row in latest.values() if row.revision > known.get(row.id, 0)])
    for one in decided:
        if one.kind == "verdict":
            await alerts.note_decision(tx, one.request, one.decision, one.decided_at, one.state)
    if occasions:
        await surveys.add_occasions(tx, occasions)


async def take_contacts(tx: Tx, batch: Batch) -> None:
    """Note who may be asked: consents, language, whether there is an address; an older version changes nothing."""
    latest: dict[tuple[str, str], ContactRow] = {}
    for _, message in _read(batch.records, _FROM_CONTACTS):
        assert isinstance(message, ContactPut)
        row = _contact(message)
        place = (row.book, row.client)
        if row.version >= latest.get(place, row).version:
            latest[place] = row
    by_book: dict[str, list[ContactRow]] = {}
    for row in latest.values():
        by_book.setdefault(row.book, []).append(row)
    for book, rows in sorted(by_book.items()):
        known = await contacts.lock_contacts(tx, book, [row.client for row in rows])
        newer = [row for row in rows if row.client not in known or row.version > known[row.client].version]
        await contacts.save_contacts(tx, newer)


async def keep_dead_letter(tx: Tx, record: Record, error: str) -> None:
    """Keep a record that cannot be digested even alone, with the error's text."""
    await bury(tx, MORGUE, [(record, UNDIGESTIBLE, error)])


def _times(value_date: Day, known_at: datetime) -> Times:
    # The book's zone may not be known yet here, and an hour more or less only moves the day of the decision.
    return Times(value_date, day_of(known_at.astimezone(UTC).date()))


def _occasion(book: str, client: str, kind: Kind, loan: str, times: Times, desk: Desk) -> SurveyRow:
    if not client:
        raise ValueError("the message names no client")
    return SurveyRow(
        id=hashed_id("survey", book, client, kind, loan),
        book=book,
        client=client,
        occasion=kind,
        loan=loan,
        value_date=times.value_date,
        known_on=times.known_on,
        ready_on=ready_on(times, desk.rules),
    )


def _alert(cause: str, message: AlertRevised) -> AlertRow:
    return AlertRow(
        id=message.alert,
        cause=cause,
        book=message.book,
        indicator=message.indicator,
        segment=message.segment,
        state=message.state,
        revision=message.revision,
        sentence=message.sentence,
        sentence_zh=message.sentence_zh,
    )


def _contact(message: ContactPut) -> ContactRow:
    return ContactRow(
        book=message.book,
        client=message.client,
        version=message.version,
        language=message.language,
        reachable=any(point.channel == "email" for point in message.points),
        consent=any(
            consent.given for consent in message.consents if (consent.channel, consent.purpose) == ("email", "survey")
        ),
    )
