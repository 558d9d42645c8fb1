"""Clients and loans of absurd size: the work per fact stays the same, and nothing is held in memory all at once.

What is counted is work (rows read, rows at a time), never time: sizes are a hundredth of what was tried.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from services.risk.handlers import subjects
from services.risk.handlers.fold import Scope, fold_batch
from services.risk.store import counters
from services.risk.store.tables import COUNTER, INDICATOR_VALUE, LOAN, MARK
from services.risk.workers import EvaluatorLoop
from shared.db.port import AnyRow, Tx
from shared.events import facts
from shared.runtime.bell import Bell
from shared.runtime.service import Batch
from tests.risk.feed import (
    OWNER,
    PARTITIONS,
    SCOPE,
    AnyDatabase,
    Feed,
    disburse,
    fold,
    register,
    repay,
    rows_of,
    small_book,
)
from tests.risk.truth import assert_true

LOANS, REPAYMENTS = 2_500, 3_000


class Counting:
    """A transaction that counts what it reads."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.rows_read = 0
        self.facts_at_once = 0
        """The largest number of facts that one statement brought."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def rows(self, *asked: Any) -> Sequence[AnyRow]:
        found = await self._tx.rows(*asked)
        self.rows_read += len(found)
        if found and hasattr(found[0], "body"):
            self.facts_at_once = max(self.facts_at_once, len(found))
        return found


async def counted(database: AnyDatabase, batches: Collection[Batch]) -> list[Counting]:
    """Fold batches; return what each read."""
    told = []
    for batch in batches:
        async with database.transaction() as tx:
            counting: Any = Counting(tx)
            await fold_batch(counting, batch, Scope(OWNER, PARTITIONS))
            told.append(counting)
    return told


def move(feed: Feed, client: str, region: str) -> None:
    """A client moves to another region."""
    attributes = facts.Attributes(region=region)
    fact = facts.ClientChanged(book="auto", value_date=date(2020, 3, 1), client=client, attributes=attributes)
    feed.fact(fact, client, f"{client}-to-{region}")


async def test_a_client_with_any_number_of_loans_moves_in_slices(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book()
    register(feed, "c1")
    for number in range(LOANS):
        disburse(feed, f"l{number}", "c1")
    await fold(database, feed)
    move(feed, "c1", "CA")
    [read] = [one for one in await counted(database, list(feed.pending())) if one.rows_read]
    assert read.rows_read < 4 * LOANS
    assert 0 < read.facts_at_once <= subjects.SUBJECTS_AT_ONCE < LOANS
    await assert_true(database)


async def test_a_loan_with_any_number_of_repayments_costs_each_the_same(database: AnyDatabase) -> None:
    feed = Feed()
    feed.open_book()
    register(feed, "c1")
    disburse(feed, "l1", "c1")
    await fold(database, feed)

    async def pay(first: int) -> tuple[int, int]:
        for number in range(first, first + REPAYMENTS):
            day = date.fromordinal(date(2020, 1, 3).toordinal() + number // 10)
            fact = facts.RepaymentReceived(book="auto", value_date=day, loan="l1", amount="0.01", currency="USD")
            feed.fact(fact, "c1", f"p{number:06}")
        told = await counted(database, list(feed.pending(1_000)))
        [kept] = await rows_of(database, select(LOAN.c.state))
        return sum(one.rows_read for one in told), len(kept.state)

    first, again = await pay(0), await pay(REPAYMENTS)
    assert again[0] <= first[0]
    assert again[1] <= first[1] + 8, "the state grows with what was paid"

    # One that is dated back is folded with all of them, once.
    repay(feed, "l1", "c1", "2020-01-02")
    [late] = [one for one in await counted(database, list(feed.pending())) if one.rows_read]
    assert late.rows_read < 2 * REPAYMENTS + 20
    await assert_true(database)


BEYOND = 9 * 10**18
"""Twice as much is more than 64 bits hold."""


async def test_a_sum_beyond_64_bits_is_refused_and_never_rounded(database: AnyDatabase) -> None:
    cells = {"auto": {("portfolio", "USD", "exposure", 737_425): BEYOND}}
    async with database.transaction() as tx:
        await counters.add_cells(tx, 0, cells, set())
    with pytest.raises(DBAPIError):
        async with database.transaction() as tx:
            await counters.add_cells(tx, 0, cells, set())
    assert [row.value for row in await rows_of(database, select(COUNTER.c.value))] == [BEYOND]


async def test_a_book_that_cannot_be_evaluated_holds_up_no_other(database: AnyDatabase) -> None:
    feed = Feed()
    small_book(feed)
    feed.open_book("large")
    feed.close("2020-01-31")
    feed.close("2020-01-31", "large")
    await fold(database, feed)
    cells = {"large": {("portfolio", "USD", "exposure", 737_425): BEYOND}}
    async with database.transaction() as tx:
        await counters.add_cells(tx, 0, cells, set())
        await counters.add_cells(tx, 1, cells, set())
    loop = EvaluatorLoop(database, SCOPE, Bell(), Bell(), poll_s=60.0, moved=set())
    while await loop.evaluate_all():
        pass
    marked = {row.book for row in await rows_of(database, select(MARK.c.book))}
    evaluated = {row.book for row in await rows_of(database, select(INDICATOR_VALUE.c.book))}
    assert (marked, "auto" in evaluated) == ({"large"}, True)
