"""What feedback learns from others: books and their days, loans closed, alerts, cures, decisions, who may be asked."""

from datetime import UTC, date, datetime

import msgspec

from services.feedback.domain.occasion import Kind, Times, ready_on
from services.feedback.handlers.desk import Desk
from services.feedback.store import alerts, books, contacts, surveys
from services.feedback.store.alerts import AlertRow
from services.feedback.store.contacts import ContactRow
from services.feedback.store.surveys import SurveyRow
from services.feedback.store.tables import MORGUE
from shared.db.letters import bury, why_of
from shared.db.port import Tx
from shared.events.contacts import ContactPut
from shared.events.envelope import Envelope, from_headers
from shared.events.facts import FactCorrected, LoanClosed
from shared.events.intake import BookDayClosed, BookOpened
from shared.events.risk import AlertRequestDecided, AlertRevised, LoanArrearsCured
from shared.kernel.days import day_of
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.runtime.service import Batch

_BOOKS = msgspec.json.Decoder(BookOpened)
_CLOSES = msgspec.json.Decoder(BookDayClosed)
_LOANS = msgspec.json.Decoder(LoanClosed)
_ALERTS = msgspec.json.Decoder(AlertRevised)
_DECISIONS = msgspec.json.Decoder(AlertRequestDecided)
_CORRECTIONS = msgspec.json.Decoder(FactCorrected)
_CURES = msgspec.json.Decoder(LoanArrearsCured)
_CONTACTS = msgspec.json.Decoder(ContactPut)


async def note_books(tx: Tx, batch: Batch) -> None:
    """Note books that are open in a lane."""
    opened = [_BOOKS.decode(record.value) for record in batch.records]
    await books.open_lanes(tx, [(one.book, batch.partition, day_of(one.first_day)) for one in opened])


async def note_closes(tx: Tx, batch: Batch) -> None:
    """Note days that are closed in a lane."""
    closes = [_CLOSES.decode(record.value) for record in batch.records]
    await books.close_lanes(tx, batch.partition, [(one.book, day_of(one.day)) for one in closes])


async def note_loans_closed(tx: Tx, batch: Batch, desk: Desk) -> None:
    """Note loans that are paid off, each an occasion to ask its client, and what was said wrongly about that."""
    occasions = []
    corrected: dict[str, tuple[Envelope, FactCorrected]] = {}
    for record in batch.records:
        envelope = from_headers(record.headers)
        if envelope.type == FactCorrected.type:
            corrected[envelope.target] = (envelope, _CORRECTIONS.decode(record.value))
            continue
        message = _LOANS.decode(record.value)
        about = (message.book, envelope.client, Kind.LOAN_CLOSED, message.loan, envelope.id)
        occasions.append(_occasion(*about, _times_of(message, envelope), desk))
    await surveys.add_occasions(tx, occasions)
    # A correction follows what it corrects in the same lane.
    await _correct_occasions(tx, corrected, desk)


async def _correct_occasions(tx: Tx, corrected: dict[str, tuple[Envelope, FactCorrected]], desk: Desk) -> None:
    """Move occasions whose fact was dated wrongly, and forget those whose fact was annulled; what is decided stays."""
    if not corrected:
        return
    annulled, moved = [], []
    for row in await surveys.waiting_for(tx, corrected):
        envelope, message = corrected[row.fact]
        if message.body is None:
            annulled.append(row.id)
            continue
        times = _times_of(msgspec.convert(message.body, LoanClosed), envelope)
        moved.append(row._replace(**times._asdict(), ready_on=ready_on(times, desk.rules)))
    await surveys.take_back(tx, annulled)
    await surveys.save_surveys(tx, moved)


async def note_cures(tx: Tx, batch: Batch, desk: Desk) -> None:
    """Note loans that have nothing past due any more: each an occasion to ask its client."""
    occasions = []
    for record in batch.records:
        one, fact = _CURES.decode(record.value), from_headers(record.headers).id
        times = _times(one.value_date, one.known_at)
        occasions.append(_occasion(one.book, one.client, Kind.ARREARS_CURED, one.loan, fact, times, desk))
    await surveys.add_occasions(tx, occasions)


async def note_alerts(tx: Tx, batch: Batch) -> None:
    """Note what must be known of alerts; an older revision changes nothing."""
    latest: dict[str, AlertRow] = {}
    for record in batch.records:
        row = _alert(record.key.decode(), _ALERTS.decode(record.value))
        if row.revision >= latest.get(row.id, row).revision:
            latest[row.id] = row
    known = await alerts.revisions_of(tx, latest)
    await alerts.save_alerts(tx, [row for row in latest.values() if row.revision > known.get(row.id, 0)])


async def note_decisions(tx: Tx, batch: Batch) -> None:
    """Note what risk decided on verdicts (D15)."""
    for record in batch.records:
        one = _DECISIONS.decode(record.value)
        if one.kind == "verdict":
            await alerts.note_decision(tx, one.request, one.decision, one.decided_at, one.state)


async def note_contacts(tx: Tx, batch: Batch) -> None:
    """Note who may be asked: consent, language, whether there is an address; an older version changes nothing."""
    latest: dict[tuple[str, str], ContactRow] = {}
    for record in batch.records:
        row = _contact(_CONTACTS.decode(record.value))
        place = (row.book, row.client)
        if row.version >= latest.get(place, row).version:
            latest[place] = row
    by_book: dict[str, list[ContactRow]] = {}
    for row in latest.values():
        by_book.setdefault(row.book, []).append(row)
    for book, rows in sorted(by_book.items()):
        known = await contacts.contacts_of(tx, book, [row.client for row in rows])
        newer = [row for row in rows if row.client not in known or row.version > known[row.client].version]
        await contacts.save_contacts(tx, newer)


async def keep_dead_letter(tx: Tx, record: Record, error: Exception) -> None:
    """Keep a record that cannot be digested even alone, with the error."""
    await bury(tx, MORGUE, [(record, why_of(error))])


def _times(value_date: date, known_at: datetime) -> Times:
    # The book's zone may not be known yet here, and an hour more or less only moves the day of the decision.
    return Times(day_of(value_date), day_of(known_at.astimezone(UTC).date()))


def _times_of(message: LoanClosed, envelope: Envelope) -> Times:
    return _times(message.value_date, envelope.known_at or message.known_at or envelope.time)


def _occasion(book: str, client: str, kind: Kind, loan: str, fact: str, times: Times, desk: Desk) -> SurveyRow:
    if not client:
        raise ValueError("the message names no client")
    return SurveyRow(
        id=hashed_id("survey", book, client, kind, loan),
        book=book,
        client=client,
        occasion=kind,
        loan=loan,
        fact=fact,
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
