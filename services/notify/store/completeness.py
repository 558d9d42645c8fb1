"""How many revisions of alerts came, and what became of them: notices and messages by state (R12)."""

from typing import NamedTuple

from sqlalchemy import distinct, func, select

from services.notify.store.tables import ALERT, MESSAGE, NOTICE, REVISION
from shared.db.port import Tx


class Notified(NamedTuple):
    """Counts of one book."""

    revisions: int
    notices: dict[str, int]
    """By state: waiting, held, told, dropped."""
    messages: dict[str, int]
    """By state: waiting, sending, sent, unknown, failed."""


async def notified_of(tx: Tx, book: str) -> Notified:
    """Return what came of a book's alerts."""
    revisions = await tx.row(
        select(func.count())
        .select_from(REVISION.join(ALERT, ALERT.c.id == REVISION.c.alert))
        .where(ALERT.c.book == book)
    )
    told = NOTICE.join(ALERT, ALERT.c.id == NOTICE.c.subject)
    sent = told.join(MESSAGE, MESSAGE.c.id == NOTICE.c.message)
    notices = select(NOTICE.c.state, func.count()).select_from(told).group_by(NOTICE.c.state)
    once = func.count(distinct(MESSAGE.c.id))
    messages = select(MESSAGE.c.state, once).select_from(sent).group_by(MESSAGE.c.state)
    return Notified(
        0 if revisions is None else int(revisions[0]),
        {state: int(count) for state, count in await tx.rows(notices.where(ALERT.c.book == book))},
        {state: int(count) for state, count in await tx.rows(messages.where(ALERT.c.book == book))},
    )
