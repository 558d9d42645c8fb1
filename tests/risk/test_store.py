"""Risk's tables and queries on each engine."""

import pytest
from sqlalchemy import insert, select

from services.risk.domain.book import BookTerms
from services.risk.store import alerts, books, counters, facts, marks, series
from services.risk.store.marks import Mark
from services.risk.store.series import Published, SeriesKey
from services.risk.store.tables import CLOSE, COUNTER_MONTH, LEDGER, MARK
from shared.db import migrate
from shared.db.among import among
from shared.kernel.days import parse_day, parse_month
from tests.risk.feed import AnyDatabase

DAY = parse_day("2020-03-10")
MONTH = parse_month("2020-03")


async def test_the_migrations_make_the_tables(database: AnyDatabase) -> None:
    assert await migrate.difference(database, "services.risk") == []
    assert await migrate.pending(database, "services.risk") == []


async def test_among_takes_any_number_of_keys(database: AnyDatabase) -> None:
    rows = [("b", f"o{number}", 'a "quoted" é', 1, 0, "c") for number in range(3)]
    async with database.transaction() as tx:
        await tx.insert(MARK, Mark._fields[:6], rows)
        many = [f"o{number}" for number in range(40_000)]
        assert len(await tx.rows(select(MARK).where(among(MARK.c.origin, many)))) == 3
        assert len(await tx.rows(select(MARK).where(among(MARK.c.segment, ['a "quoted" é'])))) == 3
        assert await tx.rows(select(MARK).where(among(MARK.c.origin, []))) == []


async def test_counters_add_up_by_day_month_and_over_partitions(database: AnyDatabase) -> None:
    first = {("portfolio", "USD", "loans", DAY): 2, ("portfolio", "EUR", "loans", DAY - 40): 1}
    second = {("portfolio", "USD", "loans", DAY): -1, ("region=TX", "USD", "loans", DAY + 1): 5}
    known: set[int] = set()
    async with database.transaction() as tx:
        await counters.add_cells(tx, 0, {"auto": first}, known)
        assert known == set(), "what this transaction wrote may yet be rolled back"
        await counters.add_cells(tx, 1, {"auto": second, "other": first}, known)
        await counters.add_cells(tx, 1, {"auto": {("portfolio", "USD", "loans", DAY): 0}}, known)
        assert known == {counters.tally_of("auto", "portfolio", "loans", "USD")}
        sums = await counters.month_sums(tx, "auto", ["portfolio", "region=TX"], ["loans"], (MONTH, MONTH))
        assert sums == {MONTH: {("portfolio", "USD", "loans"): 1, ("region=TX", "USD", "loans"): 5}}
        before = await counters.sums_before(tx, "auto", ["portfolio"], ["loans"], MONTH)
        assert before == {("portfolio", "EUR", "loans"): 1}
        days = await counters.day_sums(tx, "auto", ["region=TX", "portfolio"], ["loans"], (DAY, DAY + 1))
        assert days == {DAY: {("portfolio", "USD", "loans"): 1}, DAY + 1: {("region=TX", "USD", "loans"): 5}}
        assert await counters.segments_of(tx, "auto") == ["portfolio", "region=TX"]
        assert await counters.segments_of(tx, "nobody") == []
        last = await counters.last_days(tx, "auto", "portfolio", "loans", (MONTH - 2, MONTH))
        assert last == {MONTH - 2: DAY - 40, MONTH: DAY}


async def test_a_day_that_comes_to_nothing_is_no_last_day(database: AnyDatabase) -> None:
    async with database.transaction() as tx:
        await counters.add_cells(tx, 0, {"auto": {("portfolio", "USD", "instalments_due", DAY): 1}}, set())
        await counters.add_cells(tx, 1, {"auto": {("portfolio", "USD", "instalments_due", DAY): -1}}, set())
        assert await counters.last_days(tx, "auto", "portfolio", "instalments_due", (MONTH, MONTH)) == {}
        assert len(await tx.rows(select(COUNTER_MONTH))) == 2


async def test_a_book_is_closed_as_far_as_its_last_lane(database: AnyDatabase) -> None:
    terms = BookTerms(book="auto", base_currency="USD", calendar="US", first_day=DAY)
    async with database.transaction() as tx:
        await books.add_book(tx, terms, "UTC", 7, 0)
        assert await books.closed_through(tx, "auto", 2) is None
        await books.add_book(tx, terms, "UTC", 7, 1)
        assert await books.closed_through(tx, "auto", 2) == DAY - 1
        await books.close_lanes(tx, 0, [("auto", DAY + 3, 50), ("auto", DAY + 1, 40)])
        assert await books.closed_through(tx, "auto", 2) == DAY - 1
        await books.close_lanes(tx, 1, [("auto", DAY + 1, 40)])
        assert await books.closed_through(tx, "auto", 2) == DAY + 1
        await books.close_lanes(tx, 1, [("auto", DAY, 60)])
        assert await books.closed_through(tx, "auto", 2) == DAY + 1
        assert await books.closed_through_then(tx, "auto", 2, 39) is None
        assert await books.closed_through_then(tx, "auto", 2, 50) == DAY + 1
        assert await books.closes_since(tx, "auto", DAY + 1) == [(DAY + 1, 40), (DAY + 3, 50)]
        assert (await books.books_named(tx, ["auto", "x"]))["auto"].terms == terms
        assert len(await tx.rows(select(CLOSE))) == 4


async def test_evaluators_are_held_by_owner_and_epoch(database: AnyDatabase) -> None:
    async with database.transaction() as tx:
        await books.add_evaluator(tx, "auto", "me", DAY)
        await books.add_evaluator(tx, "auto", "other", DAY)
        held = await books.lock_evaluator(tx, "auto")
        assert held is not None
        assert held.owner == "me"
        assert (held.epoch, held.evaluated_through, held.final_month) == (1, DAY - 1, MONTH - 1)
        assert await books.lock_evaluator(tx, "nobody") is None
        assert await books.save_evaluator(tx, "auto", held, held._replace(evaluated_through=DAY, feed=3))
        await books.take_evaluators(tx, ["auto"], "other")
        assert not await books.save_evaluator(tx, "auto", held, held)
        assert await books.books_with_marks(tx) == []
        await marks.add_marks(tx, [Mark("auto", "0/1", "*", 1, 2, "close")])
        assert await books.books_with_marks(tx) == ["auto"]
        assert await books.last_feed(tx, "auto") == 3


async def test_published_values_keep_every_revision(database: AnyDatabase) -> None:
    key = SeriesKey("par30", "exposure", "USD", "month", "portfolio")
    first = Published(key, MONTH, 1, 0.5, 1, 2, 2, {"loans": 1}, DAY, 100, "close", 1)
    second = first._replace(revision=2, value=None, numerator=0, denominator=0, known_from=200, cause="back_dated")
    async with database.transaction() as tx:
        await series.add_values(tx, "auto", [first, second])
        found = await series.latest_values(tx, "auto", ["par30"], ["portfolio"], "month", (MONTH, MONTH))
        assert found == {key: {MONTH: second}}
        assert await series.series_of(tx, "auto", key, (MONTH, MONTH), 199) == {MONTH: first}
        assert await series.series_of(tx, "auto", key, (MONTH, MONTH), 99) == {}
        assert not first.same_figures(second)


async def test_last_value_dates_look_each_day_up(database: AnyDatabase) -> None:
    def row(name: str, day: int) -> dict[str, object]:
        texts = dict.fromkeys(("topic", "client", "subject", "type", "target", "digest"), "x")
        numbers = dict.fromkeys(("partition", "offset", "known_at", "received_at"), 0)
        return {"event_id": name, "book": "auto", "value_date": day, "body": b"", **texts, **numbers}

    async with database.transaction() as tx:
        for name, day in (("a", DAY), ("b", DAY + 5)):
            await tx.execute(insert(LEDGER).values(**row(name, day)))
        days = [DAY - 1, DAY, DAY + 4, *range(DAY + 10, DAY + 80)]
        found = await facts.last_value_dates(tx, "auto", days)
    assert found == {DAY: DAY, DAY + 4: DAY, **dict.fromkeys(range(DAY + 10, DAY + 80), DAY + 5)}


async def test_marks_come_by_whole_origins(database: AnyDatabase) -> None:
    wanted = [Mark("auto", f"0/{number}", segment, 1, 2, "fact") for number in range(3) for segment in ("a", "b")]
    async with database.transaction() as tx:
        await marks.add_marks(tx, [*wanted, Mark("other", "0/0", "a", 1, 2, "fact")])
        assert await marks.marks_of(tx, "auto", 2) == wanted[:4]
        await marks.drop_marks(tx, "auto", ["0/0", "0/1"])
        assert await marks.marks_of(tx, "auto", 9) == wanted[4:]
        assert (await marks.count_marks(tx, "auto"), await marks.count_marks(tx, None)) == (2, 3)


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_alert_pages_follow_day_and_id(database: AnyDatabase, limit: int) -> None:
    def alert(name: str, day: int) -> alerts.AlertRow:
        texts = dict.fromkeys(("indicator", "basis", "currency", "period_kind", "segment", "direction"), "x")
        return alerts.AlertRow(
            id=name,
            cause_id=name,
            episode=1,
            book="auto",
            state="open",
            level="red",
            policy="demo",
            policy_version=1,
            rule="r",
            as_of=day,
            revision=1,
            course=b"",
            body=name.encode(),
            **texts,
        )

    async with database.transaction() as tx:
        await alerts.save_alerts(tx, [alert("b", 5), alert("a", 5), alert("c", 4)], [])
        place, seen = (0, ""), []
        while page := await alerts.alerts_now(tx, alerts.Wanted(book="auto"), place, limit):
            seen += [one.body for one in page]
            place = (page[-1].as_of, page[-1].id)
        assert seen == [b"c", b"a", b"b"]
        assert await alerts.open_levels(tx, "auto") == [(("x",) * 5, "red")] * 3
        assert await alerts.alerts_now(tx, alerts.Wanted(level="amber"), (0, ""), limit) == []
