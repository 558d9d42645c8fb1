"""Loans, projects, surveys and clients: the saved states from which the live path goes on, and the reads over them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, Table, select, update

from services.risk.store.tables import ACTIVE, CLIENT, LOAN, PROJECT, SURVEY
from shared.db.among import among_given
from shared.db.port import Tx
from shared.kernel.days import Day

LOAN_COLUMNS = tuple(column.name for column in LOAN.columns)
PROJECT_COLUMNS = tuple(column.name for column in PROJECT.columns)
SURVEY_COLUMNS = tuple(column.name for column in SURVEY.columns)
CLIENT_COLUMNS = tuple(column.name for column in CLIENT.columns)
_CLIENT_KEY = ("client", "book")

_CLIENTS = select(CLIENT).where(among_given(CLIENT.c.client, "names"))


def _kept_in(table: Table) -> Select[Any]:
    return select(table.c.subject, table.c.client, table.c.state).where(among_given(table.c.subject, "subjects"))


_LOANS_KEPT, _PROJECTS_KEPT, _SURVEYS_KEPT = _kept_in(LOAN), _kept_in(PROJECT), _kept_in(SURVEY)


def _of_clients(table: Table) -> Select[Any]:
    return (
        select(table.c.book, table.c.client, table.c.subject)
        .where(among_given(table.c.client, "names"))
        .order_by(table.c.subject)
    )


_OF_CLIENTS = tuple(_of_clients(table) for table in (LOAN, PROJECT, SURVEY))


class Kept(NamedTuple):
    """A loan, project or survey as kept: its client and its packed state (None when its facts make nothing yet)."""

    client: str
    state: bytes | None


class ClientRow(NamedTuple):
    """A client as kept; the fields are the columns of the table."""

    book: str
    client: str
    partition: int
    kind: str
    alias_of: str
    moves: bytes
    degraded: bool


async def loans_kept(tx: Tx, subjects: Iterable[str]) -> dict[str, Kept]:
    """Return the loans of these subjects that are kept."""
    rows = await tx.rows(_LOANS_KEPT, {"subjects": list(subjects)})
    return {row[0]: Kept(row[1], row[2]) for row in rows}


async def projects_kept(tx: Tx, subjects: Iterable[str]) -> dict[str, Kept]:
    """Return the projects of these subjects that are kept."""
    rows = await tx.rows(_PROJECTS_KEPT, {"subjects": list(subjects)})
    return {row[0]: Kept(row[1], row[2]) for row in rows}


async def surveys_kept(tx: Tx, subjects: Iterable[str]) -> dict[str, Kept]:
    """Return the surveys of these subjects that are kept."""
    rows = await tx.rows(_SURVEYS_KEPT, {"subjects": list(subjects)})
    return {row[0]: Kept(row[1], row[2]) for row in rows}


async def save_loans(tx: Tx, rows: Sequence[Sequence[Any]]) -> None:
    """Write loans, in the order of `LOAN_COLUMNS`."""
    if rows:
        await tx.upsert(LOAN, LOAN_COLUMNS, rows, ("subject",))


async def save_projects(tx: Tx, rows: Sequence[Sequence[Any]]) -> None:
    """Write projects, in the order of `PROJECT_COLUMNS`."""
    if rows:
        await tx.upsert(PROJECT, PROJECT_COLUMNS, rows, ("subject",))


async def save_surveys(tx: Tx, rows: Sequence[Sequence[Any]]) -> None:
    """Write surveys, in the order of `SURVEY_COLUMNS`."""
    if rows:
        await tx.upsert(SURVEY, SURVEY_COLUMNS, rows, ("subject",))


async def clients_kept(tx: Tx, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ClientRow]:
    """Return the clients of these (book, client) that are kept."""
    wanted = set(keys)
    rows = await tx.rows(_CLIENTS, {"names": sorted({client for _, client in wanted})})
    return {(row.book, row.client): ClientRow(*row) for row in rows if (row.book, row.client) in wanted}


async def save_clients(tx: Tx, rows: Sequence[ClientRow]) -> None:
    """Write clients."""
    if rows:
        await tx.upsert(CLIENT, CLIENT_COLUMNS, rows, _CLIENT_KEY)


async def subjects_of_clients(tx: Tx, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """Return the subjects (loans, projects, surveys) of each (book, client)."""
    wanted = set(keys)
    names = sorted({client for _, client in wanted})
    found: dict[tuple[str, str], list[str]] = {}
    for statement in _OF_CLIENTS:
        rows = await tx.rows(statement, {"names": names})
        for book, client, subject in rows:
            if (book, client) in wanted:
                found.setdefault((book, client), []).append(subject)
    return found


async def degrade_client(tx: Tx, book: str, client: str, partition: int, moves: bytes) -> None:
    """Mark a client as one of whose messages we could not digest; one that is not known yet gets an empty row."""
    row = ClientRow(book, client, partition, "", "", moves, True)
    await tx.insert_new(CLIENT, CLIENT_COLUMNS, [row], _CLIENT_KEY)
    await tx.execute(update(CLIENT).where(CLIENT.c.book == book, CLIENT.c.client == client).values(degraded=True))


async def restore_client(tx: Tx, book: str, client: str) -> None:
    """Take the mark back."""
    await tx.execute(update(CLIENT).where(CLIENT.c.book == book, CLIENT.c.client == client).values(degraded=False))


async def degraded_clients(tx: Tx, book: str, limit: int) -> list[str]:
    """Return clients of a book of whom a message could not be digested."""
    rows = await tx.rows(
        select(CLIENT.c.client)
        .where(CLIENT.c.book == book, CLIENT.c.degraded.is_(True))
        .order_by(CLIENT.c.client)
        .limit(limit)
    )
    return [row.client for row in rows]


async def loan_row(tx: Tx, subject: str) -> Row[Any] | None:
    """Return one loan."""
    return await tx.row(select(LOAN).where(LOAN.c.subject == subject))


async def project_row(tx: Tx, subject: str) -> Row[Any] | None:
    """Return one project."""
    return await tx.row(select(PROJECT).where(PROJECT.c.subject == subject))


async def client_row(tx: Tx, book: str, client: str) -> ClientRow | None:
    """Return one client."""
    return (await clients_kept(tx, [(book, client)])).get((book, client))


async def aliases_of(tx: Tx, book: str, client: str) -> list[str]:
    """Return the clients that turned out to be this one."""
    rows = await tx.rows(
        select(CLIENT.c.client).where(CLIENT.c.book == book, CLIENT.c.alias_of == client).order_by(CLIENT.c.client)
    )
    return [row.client for row in rows]


async def loans_of_client(tx: Tx, book: str, client: str, limit: int) -> Sequence[Row[Any]]:
    """Return a client's loans by id."""
    return await tx.rows(
        select(LOAN).where(LOAN.c.book == book, LOAN.c.client == client).order_by(LOAN.c.loan).limit(limit)
    )


async def projects_of_client(tx: Tx, book: str, client: str, limit: int) -> Sequence[Row[Any]]:
    """Return a client's projects by id."""
    return await tx.rows(
        select(PROJECT)
        .where(PROJECT.c.book == book, PROJECT.c.client == client)
        .order_by(PROJECT.c.project)
        .limit(limit)
    )


async def heaviest_active(tx: Tx, book: str, due_by: Day | None, limit: int) -> list[tuple[str, bytes]]:
    """Return (id, state) of the heaviest active loans, only those with something uncovered that was due by a day if one
    is given."""
    where = [] if due_by is None else [LOAN.c.oldest_due <= due_by]
    return await _heaviest(tx, book, [ACTIVE, *where], limit)


async def heaviest_charged_off(tx: Tx, book: str, ended: tuple[Day, Day], limit: int) -> list[tuple[str, bytes]]:
    """Return (id, state) of the heaviest loans that were charged off between two days."""
    between = [LOAN.c.end_day >= ended[0], LOAN.c.end_day <= ended[1]]
    return await _heaviest(tx, book, [LOAN.c.status == "charged_off", *between], limit)


async def _heaviest(tx: Tx, book: str, where: Sequence[ColumnElement[bool]], limit: int) -> list[tuple[str, bytes]]:
    rows = await tx.rows(
        select(LOAN.c.loan, LOAN.c.state)
        .where(LOAN.c.book == book, LOAN.c.state.is_not(None), *where)
        .order_by(LOAN.c.weight_minor.desc(), LOAN.c.loan)
        .limit(limit)
    )
    return [(row.loan, row.state) for row in rows]


async def projects_of_book(tx: Tx, book: str, limit: int) -> list[tuple[str, bytes]]:
    """Return (id, state) of a book's projects by id."""
    rows = await tx.rows(
        select(PROJECT.c.project, PROJECT.c.state)
        .where(PROJECT.c.book == book, PROJECT.c.state.is_not(None))
        .order_by(PROJECT.c.project)
        .limit(limit)
    )
    return [(row.project, row.state) for row in rows]
