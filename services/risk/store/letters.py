"""Dead letters: our own messages that risk could not digest (D11)."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, tuple_

from services.risk.store.tables import DEAD_LETTER
from shared.db.port import Tx


class DeadLetter(NamedTuple):
    """A message with why it could not be digested; the fields are the columns of the table."""

    id: str
    topic: str
    partition: int
    offset: int
    book: str
    client: str
    type: str
    reason: str
    error: str
    headers: bytes
    body: bytes
    at: int


async def add_letters(tx: Tx, letters: Sequence[DeadLetter]) -> None:
    """Keep letters; one that is there already stays."""
    await tx.insert_new(DEAD_LETTER, DeadLetter._fields, letters, ("id",))


async def letters_after(tx: Tx, book: str | None, after: tuple[int, str], limit: int) -> list[DeadLetter]:
    """Return letters in the order in which they were kept, after (at, id)."""
    statement = select(DEAD_LETTER).where(tuple_(DEAD_LETTER.c.at, DEAD_LETTER.c.id) > tuple_(*after))
    if book is not None:
        statement = statement.where(DEAD_LETTER.c.book == book)
    rows = await tx.rows(statement.order_by(DEAD_LETTER.c.at, DEAD_LETTER.c.id).limit(limit))
    return [DeadLetter(*row) for row in rows]


async def count_letters(tx: Tx, book: str) -> int:
    """Return the number of dead letters of a book."""
    row = await tx.row(select(func.count()).select_from(DEAD_LETTER).where(DEAD_LETTER.c.book == book))
    return 0 if row is None else int(row[0])
