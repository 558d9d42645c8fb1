"""Silences as kept; those that are over stay, to be read."""

from datetime import datetime

from sqlalchemy import literal, select, tuple_, update

from services.notify.domain.silences import Silence, SilenceMatch
from services.notify.store.tables import SILENCE
from shared.db.columns import Moment
from shared.db.port import AnyRow, Tx


def _silence(row: AnyRow) -> Silence:
    body = row.body
    match = SilenceMatch.model_validate(body["match"])
    return Silence(row.id, match, row.starts_at, row.ends_at, body["author"], body["comment"], body["ended_by"])


async def silences_at(tx: Tx, moment: datetime) -> list[Silence]:
    """Return the silences that hold at a moment."""
    rows = await tx.rows(
        select(SILENCE).where(SILENCE.c.ends_at > moment, SILENCE.c.starts_at <= moment).order_by(SILENCE.c.id)
    )
    return [_silence(row) for row in rows]


async def silences_after(
    tx: Tx, place: tuple[datetime, str], limit: int, ending_after: datetime | None
) -> list[Silence]:
    """Return silences by when they end, after a place; only those that end later than a moment if one is given."""
    columns = SILENCE.c
    where = [tuple_(columns.ends_at, columns.id) > tuple_(literal(place[0], Moment()), place[1])]
    if ending_after is not None:
        where.append(columns.ends_at > ending_after)
    rows = await tx.rows(select(SILENCE).where(*where).order_by(columns.ends_at, columns.id).limit(limit))
    return [_silence(row) for row in rows]


async def silence_with_id(tx: Tx, silence: str) -> Silence | None:
    """Return one silence, held to the end of the transaction."""
    row = await tx.lock(SILENCE, {"id": silence})
    return None if row is None else _silence(row)


async def add_silence(tx: Tx, silence: Silence) -> None:
    """Keep a silence."""
    row = (silence.id, _body(silence), silence.starts_at, silence.ends_at)
    await tx.insert(SILENCE, ("id", "body", "starts_at", "ends_at"), [row])


async def save_silence(tx: Tx, silence: Silence) -> None:
    """Write a silence again."""
    await tx.execute(
        update(SILENCE)
        .where(SILENCE.c.id == silence.id)
        .values(body=_body(silence), starts_at=silence.starts_at, ends_at=silence.ends_at)
    )


def _body(silence: Silence) -> dict[str, object]:
    return {
        "match": silence.match.model_dump(mode="json"),
        "author": silence.author,
        "comment": silence.comment,
        "ended_by": silence.ended_by,
    }
