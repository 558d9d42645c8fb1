"""A small book on the way into a crisis, and what the evaluator said about it."""

from typing import Any

from sqlalchemy import select

from services.risk.evaluation.revisions import Kept, decode_kept
from services.risk.store.tables import ALERT_REVISION
from tests.risk.feed import AnyDatabase, Feed, apply_policy, repay, rows_of, settle, small_book

POLICY = """
policy: demo
books:
  auto:
    - {id: missed, indicator: missed_payment_rate, segments: portfolio, owner: officer, drivers: [region],
       acknowledge_within: 4h, amber: {enter: 30 %, leave: 20 %}, red: {enter: 60 %, leave: 40 %}}
    - {id: gone, indicator: charge_off_rate, segments: portfolio, owner: manager, amber: {enter: 10 %, leave: 5 %}}
"""


async def begin(database: AnyDatabase, *texts: str) -> Feed:
    """A small book under policies, January and February paid in full and closed."""
    feed = Feed()
    small_book(feed)
    for text in texts:
        await apply_policy(database, text)
    feed.close("2020-01-31")
    pay(feed, "2020-02-15", range(10))
    feed.close("2020-02-29")
    await settle(database, feed)
    return feed


def pay(feed: Feed, day: str, loans: Any, known: str = "") -> None:
    """Some loans pay an instalment."""
    for number in loans:
        repay(feed, f"l{number}", f"c{number}", day, known=known)


async def revisions(database: AnyDatabase) -> list[Kept]:
    """All revisions in the order of decision."""
    rows = await rows_of(database, select(ALERT_REVISION.c.body).order_by(ALERT_REVISION.c.feed))
    return [decode_kept(row.body) for row in rows]


def told(kept: list[Kept]) -> list[tuple[str, str, str, bool]]:
    """(change, level, period, provisional) of revisions."""
    return [(one.message.change, one.message.level, one.message.period, one.message.provisional) for one in kept]
