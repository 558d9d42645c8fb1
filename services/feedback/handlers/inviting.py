"""Deciding on occasions whose day is closed: an invitation leaves, or the reason why not is kept."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from services.feedback import metrics
from services.feedback.domain import occasion
from services.feedback.domain.occasion import Invitation, Standing, Times
from services.feedback.handlers.desk import Desk, Subject, client_key
from services.feedback.store import books, contacts, surveys
from services.feedback.store.contacts import ContactRow
from services.feedback.store.surveys import State, SurveyRow
from shared.db.port import Tx
from shared.events.base import Message
from shared.events.feedback import SurveyInvited
from shared.kernel.days import Day, date_of, day_of
from shared.kernel.ids import hashed_id

SLICE = 500
"""Occasions decided in one transaction, at most."""


async def decide_due(tx: Tx, desk: Desk) -> int:
    """Decide on a slice of the occasions whose day is closed in every lane; return how many that were."""
    for book, closed_through in sorted((await books.closed_through(tx, await desk.lanes(tx))).items()):
        if due := await surveys.due(tx, book, closed_through, SLICE):
            await _decide(tx, desk, due, closed_through)
            return len(due)
    return 0


async def _decide(tx: Tx, desk: Desk, due: Sequence[SurveyRow], closed_through: Day) -> None:
    """Decide on occasions of one book, in their order; each sees the invitations of those before it."""
    book, clients = due[0].book, {row.client for row in due}
    known = await contacts.contacts_of(tx, book, clients)
    before = await surveys.invited_before(tx, book, clients)
    closes = await books.closes_between(tx, book, due[0].ready_on, closed_through)
    decided: list[SurveyRow] = []
    for row in due:
        covering = bisect_left(closes, row.ready_on)
        # What lies before a book's first day needs no close to be over.
        closed_on = closes[covering] if covering < len(closes) else closed_through
        standing = _standing(known.get(row.client), before.get(row.client, ()))
        today = day_of(tx.now.date())
        verdict = occasion.decide(Times(row.value_date, row.known_on), closed_on, today, standing, desk.rules)
        decided.append(_decided(row, verdict, tx.now, desk))
        if isinstance(verdict, Invitation):
            before.setdefault(row.client, []).append(verdict.invited_on)
            metrics.SURVEYS_INVITED.labels(row.occasion).inc()
        else:
            metrics.SURVEYS_SKIPPED.labels(verdict).inc()
    await surveys.save_surveys(tx, decided)
    await desk.tell(tx, [_told(row) for row in decided if row.state == State.INVITED])


def _standing(contact: ContactRow | None, invited_on: Sequence[Day]) -> Standing:
    if contact is None:
        return occasion.UNKNOWN
    return Standing(contact.consent, contact.reachable, invited_on)


def _decided(row: SurveyRow, verdict: Invitation | occasion.Skipped, now: datetime, desk: Desk) -> SurveyRow:
    if isinstance(verdict, occasion.Skipped):
        return row._replace(state=State.SKIPPED, reason=verdict, decided_at=now)
    return row._replace(
        state=State.INVITED,
        invited_on=verdict.invited_on,
        expires_on=verdict.expires_on,
        # To the end of the day that the page names.
        expires_at=datetime.combine(now.date() + timedelta(days=desk.rules.open_days), time(23, 59, 59), UTC),
        decided_at=now,
    )


def _told(row: SurveyRow) -> tuple[Subject, Message]:
    assert row.invited_on is not None
    assert row.expires_on is not None
    assert row.expires_at is not None
    message = SurveyInvited(
        survey=row.id,
        book=row.book,
        client=row.client,
        occasion=occasion.Kind(row.occasion).value,
        invited_on=date_of(row.invited_on),
        expires_on=date_of(row.expires_on),
        expires_at=row.expires_at,
        loan=row.loan,
    )
    key = client_key(row.book, row.client)
    return Subject(hashed_id(row.id, "invited"), key, row.id, row.book, row.client), message
