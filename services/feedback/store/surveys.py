"""Occasions, invitations and answers: one row each, from waiting to answered."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, select, tuple_, update

from services.feedback.domain.answer import DETRACTOR_MAX, PROMOTER_MIN, SATISFIED_MIN, Answer
from services.feedback.domain.results import Sums
from services.feedback.store.tables import SURVEY
from shared.db.among import among
from shared.db.port import Tx
from shared.kernel.days import Day


class State(StrEnum):
    """Where a survey stands."""

    WAITING = "waiting"
    SKIPPED = "skipped"
    INVITED = "invited"
    ANSWERED = "answered"


class SurveyRow(NamedTuple):
    """An occasion and what became of it; the fields are the columns of the table."""

    id: str
    book: str
    client: str
    occasion: str
    loan: str
    fact: str
    """Event id of what the occasion was told by."""
    value_date: Day
    known_on: Day
    ready_on: Day
    state: str = State.WAITING
    reason: str = ""
    invited_on: Day | None = None
    expires_on: Day | None = None
    expires_at: datetime | None = None
    decided_at: datetime | None = None
    answered_on: Day | None = None
    answered_at: datetime | None = None
    csat: int | None = None
    nps: int | None = None


class Wanted(NamedTuple):
    """Which surveys somebody asks for; None means any."""

    book: str | None = None
    client: str | None = None
    state: str | None = None
    occasion: str | None = None
    reason: str | None = None


_DUE = (
    select(SURVEY)
    .where(
        SURVEY.c.book == bindparam("of"),
        SURVEY.c.state == State.WAITING.value,
        SURVEY.c.ready_on <= bindparam("closed"),
    )
    .order_by(SURVEY.c.ready_on, SURVEY.c.value_date, SURVEY.c.id)
    .limit(bindparam("most"))
    .with_for_update()
)


async def add_occasions(tx: Tx, rows: Sequence[SurveyRow]) -> None:
    """Note occasions that are not known yet."""
    await tx.insert_new(SURVEY, SurveyRow._fields, rows, ("id",))


async def waiting_for(tx: Tx, facts: Iterable[str]) -> list[SurveyRow]:
    """Return the occasions that some facts told of and that are not decided yet, held to the transaction's end."""
    rows = await tx.rows(
        select(SURVEY)
        .where(among(SURVEY.c.fact, facts), SURVEY.c.state == State.WAITING.value)
        .order_by(SURVEY.c.id)
        .with_for_update()
    )
    return [SurveyRow(*row) for row in rows]


async def take_back(tx: Tx, ids: Iterable[str]) -> None:
    """Forget occasions that never were."""
    await tx.execute(delete(SURVEY).where(among(SURVEY.c.id, ids)))


async def due(tx: Tx, book: str, closed_through: Day, limit: int) -> list[SurveyRow]:
    """Return occasions whose day is closed, in the order in which they are decided.

    Held to the end of the transaction: who comes second waits at the first of them, and then sees what was decided.
    """
    rows = await tx.rows(_DUE, {"of": book, "closed": closed_through, "most": limit})
    return [SurveyRow(*row) for row in rows]


async def invited_before(tx: Tx, book: str, clients: Iterable[str]) -> dict[str, list[Day]]:
    """Return client -> days of invitations so far."""
    rows = await tx.rows(
        select(SURVEY.c.client, SURVEY.c.invited_on).where(
            SURVEY.c.book == book, among(SURVEY.c.client, clients), SURVEY.c.invited_on.is_not(None)
        )
    )
    found: dict[str, list[Day]] = {}
    for client, day in rows:
        found.setdefault(client, []).append(day)
    return found


async def save_surveys(tx: Tx, rows: Sequence[SurveyRow]) -> None:
    """Write surveys, whole."""
    await tx.upsert(SURVEY, SurveyRow._fields, rows, ("id",))


async def survey_with_id(tx: Tx, survey: str) -> SurveyRow | None:
    """Return one survey."""
    row = await tx.row(select(SURVEY).where(SURVEY.c.id == survey))
    return None if row is None else SurveyRow(*row)


async def answer(tx: Tx, survey: str, said: Answer, day: Day, at: datetime) -> bool:
    """Keep an answer; False when there is one already: of two at once the first is kept."""
    kept = await tx.execute(
        update(SURVEY)
        .where(SURVEY.c.id == survey, SURVEY.c.state == State.INVITED.value)
        .values(state=State.ANSWERED.value, csat=said.csat, nps=said.nps, answered_on=day, answered_at=at)
    )
    return kept == 1


async def find_surveys(tx: Tx, wanted: Wanted, after: tuple[Day, str], limit: int) -> list[SurveyRow]:
    """Return surveys by the day of their occasion, after a place."""
    where = [tuple_(SURVEY.c.value_date, SURVEY.c.id) > after]
    where += [SURVEY.c[name] == value for name, value in wanted._asdict().items() if value is not None]
    rows = await tx.rows(select(SURVEY).where(*where).order_by(SURVEY.c.value_date, SURVEY.c.id).limit(limit))
    return [SurveyRow(*row) for row in rows]


async def sums_by_day(tx: Tx, book: str, first: Day, last: Day) -> list[tuple[Day, Sums]]:
    """Return what came of the invitations of each day."""
    table = SURVEY.c
    rows = await tx.rows(
        select(
            table.invited_on,
            func.count(),
            func.count(table.answered_on),
            func.count(table.csat),
            func.coalesce(func.sum(table.csat), 0),
            func.count().filter(table.csat >= SATISFIED_MIN),
            func.count(table.nps),
            func.count().filter(table.nps >= PROMOTER_MIN),
            func.count().filter(table.nps <= DETRACTOR_MAX),
        )
        .where(table.book == book, table.invited_on.between(first, last))
        .group_by(table.invited_on)
        .order_by(table.invited_on)
    )
    return [(day, Sums(*map(int, counts))) for day, *counts in rows]
