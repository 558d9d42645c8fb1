"""Loans, projects and clients as at a day, as they were known at a moment: folded again from the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from services.risk.domain import loan, project
from services.risk.domain.book import BookTerms
from services.risk.domain.client import ClientHistory, attributes_at, history_of
from services.risk.domain.loan import LoanView
from services.risk.domain.project import ProjectView
from services.risk.domain.segments import SegmentMove
from services.risk.handlers.arrivals import LOAN, PROJECT, subject_of
from services.risk.handlers.translate import Told, attributes_in, client_facts, loan_facts, project_facts, told_from_row
from services.risk.store import books, facts, marks, subjects
from shared.db.port import Tx
from shared.events import facts as events
from shared.kernel.days import LATEST, Day

SUBJECTS_MAX = 500
"""Loans, and projects, of one client in one answer."""

_STARTS = (events.LoanDisbursed, events.LoanTakenOn, events.ProjectRegistered)


class Then(NamedTuple):
    """The view that is asked for."""

    as_of: Day | None
    """None: the book's open day, or the day of the subject's latest fact if that is later."""
    known_at_us: int


class Seen(NamedTuple):
    """One loan or project: its view, its facts, what is odd about it."""

    name: str
    client: str
    as_of: Day
    attributes: dict[str, str]
    told: list[Told]
    view: LoanView | ProjectView


class Subjects(NamedTuple):
    """What the ledger says of some subjects of one client."""

    terms: BookTerms
    open_day: Day
    moves: list[SegmentMove]
    told: dict[str, list[Told]]


async def open_day_of(tx: Tx, terms: BookTerms) -> Day:
    """Return the business day that is open as far as the book is evaluated."""
    evaluator = await books.evaluator_of(tx, terms.book)
    return terms.first_day if evaluator is None else evaluator.evaluated_through + 1


async def see_loan(tx: Tx, terms: BookTerms, name: str, then: Then) -> Seen | None:
    """Return one loan; None when it is not known by then."""
    row = await subjects.loan_row(tx, subject_of(LOAN, terms.book, name))
    return None if row is None else await _see(tx, terms, row, name, then)


async def see_project(tx: Tx, terms: BookTerms, name: str, then: Then) -> Seen | None:
    """Return one project; None when it is not known by then."""
    row = await subjects.project_row(tx, subject_of(PROJECT, terms.book, name))
    return None if row is None else await _see(tx, terms, row, name, then)


async def _see(tx: Tx, terms: BookTerms, row: Row[Any], name: str, then: Then) -> Seen | None:
    ledger = await _read(tx, terms, row.client, [row.subject], then)
    return _seen(ledger, row.subject, name, row.client, then)


class SeenClient(NamedTuple):
    """A client with its loans and projects."""

    history: ClientHistory
    as_of: Day
    attributes: dict[str, str]
    aliases: list[str]
    degraded: bool
    loans: list[Seen]
    projects: list[Seen]


async def see_client(tx: Tx, terms: BookTerms, name: str, then: Then) -> SeenClient | None:
    """Return one client; None when it is not known by then."""
    row = await subjects.client_row(tx, terms.book, name)
    if row is None:
        return None
    loans = {one.subject: one.loan for one in await subjects.loans_of_client(tx, terms.book, name, SUBJECTS_MAX)}
    projects = {
        one.subject: one.project for one in await subjects.projects_of_client(tx, terms.book, name, SUBJECTS_MAX)
    }
    own = subject_of("client", terms.book, name)
    ledger = await _read(tx, terms, name, [*loans, *projects], then)
    told = [told_from_row(one) for one in (await facts.facts_of(tx, [own], then.known_at_us)).get(own, ())]
    if not told and not row.degraded:
        return None
    history = history_of(client_facts(told))
    as_of = ledger.open_day if then.as_of is None else then.as_of
    return SeenClient(
        history,
        as_of,
        attributes_at(history.moves, as_of),
        await subjects.aliases_of(tx, terms.book, name),
        row.degraded,
        _all_seen(ledger, loans, name, then),
        _all_seen(ledger, projects, name, then),
    )


def _all_seen(ledger: Subjects, names: Mapping[str, str], client: str, then: Then) -> list[Seen]:
    seen = (_seen(ledger, subject, name, client, then) for subject, name in names.items())
    return [one for one in seen if one is not None]


async def _read(tx: Tx, terms: BookTerms, client: str, keys: Sequence[str], then: Then) -> Subjects:
    own = subject_of("client", terms.book, client)
    rows = await facts.facts_of(tx, [own, *keys], then.known_at_us)
    told = {subject: [told_from_row(row) for row in found] for subject, found in rows.items()}
    moves = history_of(client_facts(told.pop(own, []))).moves
    return Subjects(terms, await open_day_of(tx, terms), moves, told)


def _seen(ledger: Subjects, subject: str, name: str, client: str, then: Then) -> Seen | None:
    told = ledger.told.get(subject)
    if not told:
        return None
    latest = max(one.message.value_date.toordinal() for one in told)
    as_of = max(ledger.open_day, latest) if then.as_of is None else min(then.as_of, LATEST)
    view: LoanView | ProjectView | None
    if subject.startswith("loan/"):
        view = loan.view(loan_facts(told), ledger.moves, ledger.terms, as_of)
    else:
        view = project.view(project_facts(told), ledger.moves, ledger.terms, as_of)
    if view is None:
        return None
    own = next((attributes_in(one.message.attributes) for one in told if isinstance(one.message, _STARTS)), {})
    known = [one for one in told if one.message.value_date.toordinal() <= as_of]
    return Seen(name, client, as_of, {**attributes_at(ledger.moves, as_of), **own}, known, view)


async def anomalies_of(tx: Tx, kind: str, book: str, name: str) -> list[tuple[str, str, Day]]:
    """Return (event id, reason, value date) of what contradicts a subject."""
    rows = await marks.anomalies_of(tx, subject_of(kind, book, name))
    return [(row.event_id, row.reason, row.value_date) for row in rows]
