"""The slow truth: every subject folded from the whole ledger, to compare with what was kept (D4, D14)."""

from typing import Any

import msgspec
from sqlalchemy import select

from services.risk.domain.cells import Cells, add
from services.risk.domain.client import history_of
from services.risk.domain.course import Episode
from services.risk.handlers.arrivals import split_subject
from services.risk.handlers.subjects import LOANS, PROJECTS, SURVEYS
from services.risk.handlers.translate import client_facts, told_from_row
from services.risk.store import books, facts
from services.risk.store.tables import (
    ALERT,
    COUNTER,
    COUNTER_MONTH,
    INDICATOR_VALUE,
    LEDGER,
    LOAN,
    PROJECT,
    SURVEY,
    TALLY,
)
from shared.kernel.days import month_of
from tests.risk.feed import AnyDatabase, rows_of

ENGINES = {"loan": LOANS, "project": PROJECTS, "survey": SURVEYS}
_COURSE = msgspec.msgpack.Decoder(Episode).decode


async def true_cells(database: AnyDatabase, book: str = "auto") -> tuple[Cells, dict[str, bytes | None]]:
    """Cells and states of a book, folded from its ledger alone."""
    cells: Cells = {}
    states: dict[str, bytes | None] = {}
    async with database.read() as tx:
        terms = (await books.books_named(tx, [book]))[book].terms
        of_book = select(LEDGER.c.subject, LEDGER.c.client).where(LEDGER.c.book == book).distinct()
        clients = {row.subject: row.client for row in await tx.rows(of_book)}
        subjects = sorted(clients)
        stored = await facts.facts_of(tx, subjects)
    for subject in subjects:
        kind = split_subject(subject)[0]
        if kind == "client":
            continue
        told = [told_from_row(row) for row in stored[subject]]
        own = [told_from_row(row) for row in stored.get(f"client/{book}/{clients[subject]}", [])]
        moves = history_of(client_facts(own)).moves
        engine: Any = ENGINES[kind]
        folded = engine.fold(engine.translate(told, None), moves, terms)
        add(cells, folded.cells)
        states[subject] = None if folded.state is None else msgspec.msgpack.encode(folded.state)
    return cells, states


async def kept_cells(database: AnyDatabase, book: str = "auto") -> Cells:
    """The counters as cells."""
    cells: Cells = {}
    statement = select(TALLY, COUNTER.c.day, COUNTER.c.value).join(COUNTER, COUNTER.c.tally == TALLY.c.id)
    for row in await rows_of(database, statement.where(TALLY.c.book == book)):
        add(cells, {(row.segment, row.currency, row.measure, row.day): row.value})
    return cells


async def assert_true(database: AnyDatabase, book: str = "auto") -> None:
    """Counters, their monthly sums and saved states are those of the slow truth."""
    cells, states = await true_cells(database, book)
    assert await kept_cells(database, book) == cells
    months: dict[tuple[Any, ...], int] = {}
    for (segment, currency, measure, day), value in cells.items():
        key = (segment, measure, month_of(day), currency)
        months[key] = months.get(key, 0) + value
    kept: dict[tuple[Any, ...], int] = {}
    joined = COUNTER_MONTH.c.tally == TALLY.c.id
    statement = select(TALLY, COUNTER_MONTH.c.month, COUNTER_MONTH.c.value).join(COUNTER_MONTH, joined)
    for row in await rows_of(database, statement.where(TALLY.c.book == book)):
        key = (row.segment, row.measure, row.month, row.currency)
        kept[key] = kept.get(key, 0) + row.value
    assert {key: value for key, value in kept.items() if value} == {k: v for k, v in months.items() if v}
    saved = {
        row.subject: row.state
        for table in (LOAN, PROJECT, SURVEY)
        for row in await rows_of(database, select(table).where(table.c.book == book))
    }
    assert saved == states


async def outcome(database: AnyDatabase, book: str = "auto") -> dict[str, Any]:
    """What two runs over the same facts must agree on (D14): final values, and the alerts that stand."""
    values: dict[Any, Any] = {}
    table = INDICATOR_VALUE
    for row in await rows_of(database, select(table).where(table.c.book == book).order_by(table.c.revision)):
        key = (row.indicator, row.basis, row.currency, row.period_kind, row.segment, row.period)
        values[key] = (row.numerator, row.denominator, row.sample, row.parts)
    standing = []
    for row in await rows_of(database, select(ALERT).where(ALERT.c.book == book, ALERT.c.state != "withdrawn")):
        course = _COURSE(row.course)
        levels = tuple((entry.period, entry.level.value) for entry in course.periods)
        closing = None if course.closing is None else course.closing.period
        standing.append((row.indicator, row.basis, row.segment, row.state, levels, closing))
    empty = {key for key, value in values.items() if value[:3] == (0, 0, 0)}
    return {"values": {k: v for k, v in values.items() if k not in empty}, "alerts": sorted(standing)}
