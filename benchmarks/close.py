"""B8: the close of a day in a book of ten million loans: the marker folded in every lane, the book evaluated, durably.

Counters are dated sums that facts wrote ahead (D5), so a close visits no loan. The book has 200 regions; of each region
and each due day of the month one loan is folded in the usual way, and then every counter is multiplied, as if it had
been 1,786 loans. Nobody pays: on most days of March some 357,000 loans become 30 days late. Three policies rate three
indicators of the portfolio and of each region.
"""

import asyncio
import datetime as dt
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import text

from benchmarks.measure import Measured, slowness
from services.risk.store.tables import METADATA
from shared.db.sqlite import SqliteDatabase, open_sqlite
from tests.risk.feed import Feed, apply_policy, disburse, evaluate, fold, register

LOANS, REGIONS, DUE_DAYS = 10_000_000, 200, 28
_POLICY = """
policy: close
books:
  auto:
    - id: par30
      indicator: par30
      segments: [portfolio, region]
      period: day
      direction: above
      amber: {enter: 5 %, leave: 4 %}
      owner: portfolio_manager
    - id: missed
      indicator: missed_payment_rate
      segments: [portfolio, region]
      period: month
      direction: above
      amber: {enter: 5 %, leave: 4 %}
      owner: portfolio_manager
    - id: default
      indicator: default_rate
      segments: [portfolio, region]
      period: month
      direction: above
      amber: {enter: 5 %, leave: 4 %}
      owner: portfolio_manager
"""
_CALM = [dt.date(2020, 1, day) for day in range(10, 20)]
"""Nothing is due yet: what a close costs by itself."""
_CROSSING = [dt.date(2020, 3, day) for day in range(4, 12)]
"""On each of these days those who were due 30 days before become 30 days late."""


def measure(size: int | None, _rounds: int | None) -> list[Measured]:
    """Run once, as for `size` loans; return the time of a close, and per loan that crosses a limit."""
    loans = size or LOANS
    calm_s, crossing_s, month_s, slow = asyncio.run(_run(max(1, loans // (REGIONS * DUE_DAYS))))
    crossed = loans / DUE_DAYS
    return [
        Measured(
            id="B8_close_of_a_day",
            what=f"close of a day, {loans:,} loans, {REGIONS} regions",
            figure=round(calm_s / slow, 4),
            raw=round(calm_s, 4),
            unit="s",
            must=0.2,
            aim=0.1,
            more_is_better=False,
            beside={"close of a month, s": month_s},
        ),
        Measured(
            id="B8_crossing_loan",
            what=f"close of a day on which {crossed:,.0f} loans cross a limit, per loan",
            figure=round(crossing_s / crossed / slow * 1e6, 3),
            raw=round(crossing_s / crossed * 1e6, 3),
            unit="us",
            must=20,
            aim=10,
            more_is_better=False,
            beside={"that close, s": crossing_s},
        ),
    ]


async def _run(loans_each: int) -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        database = open_sqlite(Path(folder) / "risk.db")
        await database.run_sync(METADATA.create_all)
        feed = Feed()
        feed.open_book()
        for region in range(REGIONS):
            for due in range(1, DUE_DAYS + 1):
                client = f"c{region}-{due}"
                register(feed, client, f"R{region}")
                disburse(feed, f"l{region}-{due}", client, f"2020-02-{due:02d}")
        await fold(database, feed)
        await database.run_sync(
            lambda sync: [
                sync.execute(text(f"UPDATE {table} SET value = value * {loans_each}"))
                for table in ("counter", "counter_month")
            ]
        )
        await apply_policy(database, _POLICY)
        slow = slowness()
        calm = [await _close(database, feed, day) for day in _CALM]
        month = await _close(database, feed, dt.date(2020, 2, 29))
        await _close(database, feed, _CROSSING[0] - dt.timedelta(days=1))
        crossing = [await _close(database, feed, day) for day in _CROSSING]
        slow = (slow + slowness()) / 2
        await database.close()
    return statistics.median(calm), statistics.median(crossing), month, slow


async def _close(database: SqliteDatabase, feed: Feed, day: dt.date) -> float:
    """Close a day; return the seconds until everything that follows from it is durable."""
    feed.close(day.isoformat())
    began = time.perf_counter()
    await fold(database, feed)
    while done := await evaluate(database):
        if not done.more:
            break
    return time.perf_counter() - began
