"""Dead letters of risk: kept, told to the world, and the client marked as degraded (D11)."""

from collections.abc import Sequence

from services.risk.handlers.arrivals import Arrival
from services.risk.handlers.clients import NO_MOVES
from services.risk.store import subjects
from services.risk.store.tables import MORGUE
from shared.db.letters import SAME_ID_OTHER_BODY, DeadLetter, Why, bury, count_letters, why_of
from shared.db.port import Tx
from shared.log.port import Record


async def keep_dead_letter(tx: Tx, record: Record, error: Exception) -> None:
    """Keep a record that cannot be folded even alone, with the error."""
    await _bury(tx, [(record, why_of(error))])


async def restore(tx: Tx, letter: DeadLetter) -> None:
    """Take the client's mark back once none of its messages is missing any more."""
    if letter.client and not await count_letters(tx, MORGUE.table, letter.book, letter.client):
        await subjects.restore_client(tx, letter.book, letter.client)


async def bury_conflicts(tx: Tx, arrivals: Sequence[Arrival]) -> None:
    """Keep facts whose id the ledger has with another body: not to be folded (D10)."""
    why = Why(SAME_ID_OTHER_BODY, "the ledger has another body under the same id")
    await _bury(tx, [(one.record, why) for one in arrivals])


async def _bury(tx: Tx, buried: Sequence[tuple[Record, Why]]) -> None:
    letters = await bury(tx, MORGUE, buried)
    degraded = {(one.book, one.client, one.partition) for one in letters if one.book and one.client}
    for book, client, partition in sorted(degraded):
        await subjects.degrade_client(tx, book, client, partition, NO_MOVES)
