"""What digesting a dead letter would change, in plain data: facts, loans, projects, clients, counters, alerts."""

from collections.abc import Sequence

from sqlalchemy import select

from services.risk.domain.loan import LoanView
from services.risk.handlers.arrivals import split_subject
from services.risk.handlers.read_subjects import Seen, Then, see_loan, see_project
from services.risk.store import alerts, books, counters, marks, subjects
from services.risk.store.tables import COUNTER, HOUSE, LEDGER, LOAN, MARK, PROJECT
from shared.db.port import Tx
from shared.db.watched import ROWS_NOTED_MAX, Plain, Shown, Writes, show_messages
from shared.kernel.days import date_of
from shared.kernel.money import CURRENCY_DIGITS, format_amount

_SUBJECTS_MAX = 50
"""Loans and projects that are folded for a preview; more are told by their counters alone."""
_NOW = Then(None, 2**62)


async def show_touched(tx: Tx, writes: Writes) -> Shown:
    """Return what is there now of all that was written."""
    return {
        **await _facts(tx, [row["event_id"] for row in writes.of(LEDGER)]),
        **await _clients(tx, sorted({(row["book"], row["client"]) for row in writes.of(LEDGER) if row["client"]})),
        **await _subjects(tx, sorted({row["subject"] for table in (LOAN, PROJECT) for row in writes.of(table)})),
        **await _counters(tx, writes),
        **await _alerts(tx, writes),
        **await show_messages(tx, HOUSE, writes),
    }


async def _facts(tx: Tx, event_ids: Sequence[str]) -> Shown:
    rows = await tx.rows(
        select(LEDGER.c.event_id, LEDGER.c.type, LEDGER.c.subject, LEDGER.c.value_date).where(
            LEDGER.c.event_id.in_(event_ids)
        )
    )
    return {
        ("fact", row.event_id): {"type": row.type, "subject": row.subject, "value_date": str(date_of(row.value_date))}
        for row in rows
    }


async def _clients(tx: Tx, keys: Sequence[tuple[str, str]]) -> Shown:
    kept = await subjects.clients_kept(tx, keys) if keys else {}
    return {
        ("client", f"{book}/{client}"): {"kind": row.kind, "alias_of": row.alias_of, "degraded": row.degraded}
        for (book, client), row in kept.items()
    }


async def _subjects(tx: Tx, keys: Sequence[str]) -> Shown:
    shown: Shown = {}
    for subject in keys[:_SUBJECTS_MAX]:
        kind, book, name = split_subject(subject)
        found = (await books.books_named(tx, [book])).get(book)
        if found is None:
            continue
        seen = await (see_loan if kind == "loan" else see_project)(tx, found.terms, name, _NOW)
        if seen is not None:
            shown[kind, f"{book}/{name}"] = _subject(seen)
    return shown


def _subject(seen: Seen) -> dict[str, Plain]:
    view = seen.view
    if isinstance(view, LoanView):
        return {
            "status": view.status.value,
            "standing": view.standing.value,
            "dpd": view.dpd,
            "principal": _amount(view.principal_minor, view.currency),
            "arrears": _amount(view.arrears_minor, view.currency),
            "paid": _amount(view.paid_minor, view.currency),
            "as_of": str(view.as_of),
        }
    return {
        "phase": view.phase,
        "forecast": None if view.forecast is None else str(view.forecast),
        "slip_days": view.slip_days,
        "reports": view.reports,
        "as_of": str(view.as_of),
    }


def _amount(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} {currency}" if currency in CURRENCY_DIGITS else str(minor)


async def _counters(tx: Tx, writes: Writes) -> Shown:
    cells = {(row["tally"], row["day"]) for row in writes.of(COUNTER)}
    return {
        ("counter", " ".join(filter(None, (measure, segment, currency, str(date_of(day)))))): {"value": value}
        for measure, segment, currency, day, value in await counters.values_of(tx, cells)
    }


async def _alerts(tx: Tx, writes: Writes) -> Shown:
    """Show open alerts that an evaluation would look at again, because figures of their segments changed."""
    shown: Shown = {}
    for book in sorted({row["book"] for row in writes.of(MARK)}):
        segments = sorted({row["segment"] for row in writes.of(MARK) if row["book"] == book})
        waiting = {mark.segment for mark in await marks.marks_of(tx, book, ROWS_NOTED_MAX)}
        everything = marks.EVERY_SEGMENT in waiting
        for alert in await alerts.open_alerts(tx, book, segments, ROWS_NOTED_MAX):
            shown["alert", alert.id] = {
                "indicator": alert.indicator,
                "segment": alert.segment,
                "level": alert.level,
                "waits_for_evaluation": everything or alert.segment in waiting,
            }
    return shown
