"""Remarks of staff and clients."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, tuple_

from services.feedback.store.tables import REMARK
from shared.db.port import Tx


class RemarkRow(NamedTuple):
    """A remark; the fields are the columns of the table."""

    id: str
    book: str
    kind: str
    subject: str
    author: str
    by: str
    survey: str
    text: str
    at: datetime


class Wanted(NamedTuple):
    """Which remarks somebody asks for; None means any."""

    book: str | None = None
    kind: str | None = None
    subject: str | None = None
    author: str | None = None
    by: str | None = None


async def add_remark(tx: Tx, row: RemarkRow) -> bool:
    """Keep a remark; False when it is there already."""
    return bool(await tx.insert_new(REMARK, RemarkRow._fields, [row], ("id",)))


async def remark_with_id(tx: Tx, remark: str) -> RemarkRow | None:
    """Return one remark."""
    row = await tx.row(select(REMARK).where(REMARK.c.id == remark))
    return None if row is None else RemarkRow(*row)


async def remarks_on(tx: Tx, book: str, kind: str, subject: str, limit: int) -> list[RemarkRow]:
    """Return the latest remarks on one subject, newest first."""
    rows = await tx.rows(
        select(REMARK)
        .where(REMARK.c.book == book, REMARK.c.kind == kind, REMARK.c.subject == subject)
        .order_by(REMARK.c.at.desc(), REMARK.c.id)
        .limit(limit)
    )
    return [RemarkRow(*row) for row in rows]


async def text_of_survey(tx: Tx, survey: str) -> str:
    """Return what a client wrote on a survey's page; empty when nothing."""
    row = await tx.row(select(REMARK.c.text).where(REMARK.c.survey == survey))
    return "" if row is None else str(row.text)


async def find_remarks(tx: Tx, wanted: Wanted, after: tuple[datetime, str], limit: int) -> list[RemarkRow]:
    """Return remarks in the order in which they were written, after a place."""
    where = [tuple_(REMARK.c.at, REMARK.c.id) > after]
    where += [REMARK.c[name] == value for name, value in wanted._asdict().items() if value is not None]
    rows = await tx.rows(select(REMARK).where(*where).order_by(REMARK.c.at, REMARK.c.id).limit(limit))
    return [RemarkRow(*row) for row in rows]
