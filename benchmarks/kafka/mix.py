"""A usual mix of facts of one book, as intake's relay writes them on its topic: binary CloudEvents, by client's lane.

Of N facts a tenth are clients, a tenth loans of 24 instalments that begin over four months, nearly all others
repayments; 0.3 % charge-offs, 0.2 % reversals, 0.5 % clients whose officer changes. 2 % of the repayments are told a
month after their value date, when that day is closed; 4 % are paid some days late, 1 % not at all; one record in two
hundred comes twice. A month is closed in every lane when it is over. The same for every run of one size.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from typing import NamedTuple

import msgspec

from services.intake.domain.reading import event_id_of
from shared.events import facts, intake
from shared.events.base import Message, Topic
from shared.events.envelope import Envelope, to_headers
from shared.kernel.days import add_months, date_of, day_of
from shared.kernel.ids import hashed_id
from shared.log.lanes import lane_of
from shared.log.port import Outgoing

BOOK, SOURCE = "bench", "/core-banking"
LANES = 4
REGIONS = 20
INSTALMENTS = 24
FACTS_PER_LOAN = 10
_FIRST_DAY = date(2024, 1, 1)
_MONTHS = 12
_STARTS_OVER_MONTHS = 4
_INSTALMENT = "110.00"
_TWICE = 0.005
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Told(NamedTuple):
    """A fact, the day on which the lender tells it, and what it is about."""

    day: date
    fact: facts.Fact
    name: str
    client: str
    subject: str
    target: str = ""


def records(count: int) -> Iterator[Outgoing]:
    """Yield the records of `count` facts, and of the book's opening and closes, in the order in which intake sends."""
    opening = intake.BookOpened(
        book=BOOK,
        base_currency="USD",
        time_zone="UTC",
        calendar="EVERY_DAY",
        first_day=_FIRST_DAY,
        known_at=_noon(_FIRST_DAY),
        segment_attributes=["region"],
    )
    yield from _to_all_lanes(opening, _FIRST_DAY)
    twice = random.Random(count)
    again: list[Outgoing] = []
    month = _FIRST_DAY.replace(day=1)
    for told in told_by_day(count):
        if (following := told.day.replace(day=1)) != month:
            month = following
            yield from again
            again.clear()
            last = month - timedelta(days=1)
            yield from _to_all_lanes(intake.BookDayClosed(book=BOOK, day=last, known_at=_noon(last)), last)
        record = record_of(told)
        yield record
        if twice.random() < _TWICE:
            again.append(record)


def told_by_day(count: int) -> Iterator[Told]:
    """Yield `count` facts in the order in which the lender tells them."""
    choose = random.Random(20_240_101)
    days: defaultdict[date, list[Told]] = defaultdict(list)
    for number in range(count // FACTS_PER_LOAN):
        for told in _life(number, choose):
            days[told.day].append(told)
    return islice(chain.from_iterable(days[day] for day in sorted(days)), count)


def _life(number: int, choose: random.Random) -> Iterator[Told]:
    """Yield what is told of one client and its loan."""
    client, loan = f"c{number}", f"l{number}"
    begun = day_of(_FIRST_DAY) + number % 28
    begun = add_months(begun, number % _STARTS_OVER_MONTHS)
    start = date_of(begun)
    attributes = facts.Attributes(region=f"R{number % REGIONS:02}", officer=f"O{number % 500}")
    registered = facts.ClientRegistered(
        book=BOOK, value_date=start, known_at=_noon(start), client=client, kind="person", attributes=attributes
    )
    yield Told(start, registered, client, client, client)
    schedule = facts.AnnuitySchedule(
        first_due=date_of(add_months(begun, 1)), instalments=INSTALMENTS, amount=_INSTALMENT, rate="0.0899"
    )
    disbursed = facts.LoanDisbursed(
        book=BOOK,
        value_date=start,
        known_at=_noon(start),
        loan=loan,
        client=client,
        currency="USD",
        principal="2400.00",
        schedule=schedule,
    )
    yield Told(start, disbursed, loan, client, loan)
    for month in range(1, _MONTHS):
        due = date_of(add_months(begun, month))
        chance = choose.random()
        if chance < 0.004:
            gone = facts.LoanChargedOff(book=BOOK, value_date=due, known_at=_noon(due), loan=loan)
            yield Told(due, gone, f"x{number}", client, loan)
            return
        if chance < 0.014:
            continue
        if chance < 0.020:
            moved = facts.Attributes(officer=f"O{choose.randrange(500)}")
            changed = facts.ClientChanged(
                book=BOOK, value_date=due, known_at=_noon(due), client=client, attributes=moved
            )
            yield Told(due, changed, f"o{number}-{month}", client, client)
        yield from _repaid(number, month, due, choose.random())


def _repaid(number: int, month: int, due: date, chance: float) -> Iterator[Told]:
    """Yield a repayment: on its day, some days late, or told a month after it; and one that is taken back."""
    client, loan, name = f"c{number}", f"l{number}", f"p{number}-{month}"
    paid = due + timedelta(days=3 + number % 8) if chance < 0.04 else due
    told = date_of(add_months(day_of(due), 1)) if chance > 0.98 else paid
    repaid = facts.RepaymentReceived(
        book=BOOK, value_date=paid, known_at=_noon(told), loan=loan, amount=_INSTALMENT, currency="USD"
    )
    yield Told(told, repaid, name, client, loan)
    if 0.5 < chance < 0.502:
        back = paid + timedelta(days=5)
        event_id = event_id_of(SOURCE, name)
        reversed_ = facts.RepaymentReversed(
            book=BOOK, value_date=back, known_at=_noon(back), loan=loan, repayment=name, currency="USD"
        )
        yield Told(back, reversed_, f"r{number}-{month}", client, loan, event_id)


def envelope_of(told: Told) -> Envelope:
    """Return the attributes with which intake passes a fact on."""
    return Envelope(
        id=event_id_of(SOURCE, told.name),
        source=SOURCE,
        type=told.fact.type,
        time=_noon(told.day),
        subject=told.subject,
        book=BOOK,
        client=told.client,
        known_at=told.fact.known_at,
        target=told.target,
        origin_id=told.name,
        traceparent=_TRACE,
    )


def record_of(told: Told) -> Outgoing:
    """Return a fact as a record."""
    key = f"{BOOK}/{told.client}"
    body = msgspec.json.encode(told.fact)
    return Outgoing(Topic.INTAKE, lane_of(key, LANES), key.encode(), to_headers(envelope_of(told)), body)


def _to_all_lanes(message: Message, day: date) -> Iterator[Outgoing]:
    body = msgspec.json.encode(message)
    for lane in range(LANES):
        envelope = Envelope(
            id=hashed_id(message.type, day.isoformat(), lane),
            source="tocsin/intake",
            type=message.type,
            time=_noon(day),
            subject=BOOK,
            book=BOOK,
            traceparent=_TRACE,
        )
        yield Outgoing(Topic.INTAKE, lane, BOOK.encode(), to_headers(envelope), body)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
