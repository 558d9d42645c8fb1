"""B11: a back-dated repayment into a loan with many facts, in process on SQLite.

Each one comes in a batch of its own, dated back to the second year of ten: what follows is folded with and without it.
"""

import asyncio
import datetime as dt
import time
from statistics import median

import msgspec

from benchmarks.kafka.mix import BOOK
from benchmarks.measure import Measured, slowness
from services.risk.app import METADATA, build
from services.risk.settings import RiskSettings
from shared.clock import SystemClock
from shared.db.sqlite import open_sqlite
from shared.events import facts, intake
from shared.events.base import Topic
from shared.events.envelope import Envelope, to_headers
from shared.kernel.days import add_months, date_of, day_of
from shared.kernel.ids import hashed_id
from shared.log.port import Record
from shared.log.sqlite import open_sqlite_log
from shared.runtime.service import Batch, Platform

_START = dt.date(2015, 1, 1)
_LATE = 20


def _record(offset: int, message: facts.Fact | intake.BookOpened, known: dt.date) -> Record:
    moment = dt.datetime.combine(known, dt.time(), dt.UTC)
    envelope = Envelope(
        id=hashed_id(offset), source="/bench", type=message.type, time=moment, book=BOOK, client="c", known_at=moment
    )
    return Record(Topic.INTAKE, 0, offset, b"", to_headers(envelope), msgspec.json.encode(message), 0)


def _life(count: int) -> list[Record]:
    """Return the opening of the book, a loan, and so many facts of it, the last of them back-dated."""
    opening = intake.BookOpened(
        book=BOOK,
        base_currency="USD",
        time_zone="UTC",
        calendar="EVERY_DAY",
        first_day=_START,
        known_at=dt.datetime.combine(_START, dt.time(), dt.UTC),
        segment_attributes=["region"],
    )
    client = facts.ClientRegistered(book=BOOK, value_date=_START, client="c", kind="person")
    schedule = facts.AnnuitySchedule(first_due=dt.date(2015, 2, 1), instalments=120, rate="0.06")
    loan = facts.LoanDisbursed(
        book=BOOK, value_date=_START, loan="l", client="c", currency="USD", principal="10000.00", schedule=schedule
    )
    begun: list[facts.Fact | intake.BookOpened] = [opening, client, loan]
    first = day_of(_START)
    days = [add_months(first, 1 + number * 119 // count) + number * 119 % count // 8 for number in range(count)]
    late = [day_of(_START) + 400 + number for number in range(_LATE)]
    paid = [
        facts.RepaymentReceived(book=BOOK, value_date=date_of(day), loan="l", amount="55.00", currency="USD")
        for day in [*sorted(days), *late]
    ]
    return [_record(number, one, _START) for number, one in enumerate([*begun, *paid])]


async def refold_ms(count: int) -> float:
    """Return the median processor time of a batch with one back-dated repayment, in milliseconds."""
    database, log = open_sqlite(None), open_sqlite_log(None)
    await database.run_sync(METADATA.create_all)
    service = build(RiskSettings(), Platform(log, SystemClock(), 1, "bench"), database)
    handle = next(one for one in service.subscriptions if one.topic == Topic.INTAKE).handle
    records, took = _life(count), []
    early = len(records) - _LATE
    batches = [records[start : min(start + 2_000, early)] for start in range(0, early, 2_000)]
    for part in [*batches, *([one] for one in records[early:])]:
        began = time.process_time()
        async with database.transaction() as tx:
            await handle(tx, Batch(Topic.INTAKE, 0, 1, part))
        took.append((time.process_time() - began) * 1_000)
    await database.close()
    await log.close()
    return median(took[-_LATE:])


def measure(size: int | None = None, rounds: int | None = None) -> list[Measured]:
    """Return the figure for a loan of so many facts; the best of the rounds."""
    count, figures = size or 120, []
    for _ in range(rounds or 3):
        slow = slowness(time.thread_time)
        took_ms = asyncio.run(refold_ms(count))
        slow = (slow + slowness(time.thread_time)) / 2
        figures.append((took_ms / slow, took_ms))
    figure, raw = min(figures)
    return [
        Measured(
            id="B11_back_dated_repayment",
            what=f"processor time of a repayment that is dated back in a loan of {count:,} facts",
            figure=round(figure, 2),
            unit="ms",
            must=5.0,
            aim=1.0,
            more_is_better=False,
            raw=round(raw, 2),
        )
    ]
