"""Dead letters of risk: kept, told to the world, and the client marked as degraded (D11)."""

from collections.abc import Sequence

from services.risk.handlers.arrivals import Arrival
from services.risk.handlers.clients import NO_MOVES
from services.risk.store import subjects
from services.risk.store.tables import MORGUE
from shared.db.letters import SAME_ID_OTHER_BODY, UNDIGESTIBLE, DeadLetter, bury, count_letters
from shared.db.port import Tx
from shared.log.port import Record


async def keep_dead_letter(tx: Tx, record: Record, error: str) -> None:
    """Keep a record that cannot be folded even alone, with the error's text."""
    await _bury(tx, [(record, UNDIGESTIBLE, error)])


async def restore(tx: Tx, letter: DeadLetter) -> None:
    """Take the client's mark back once none of its messages is missing any more."""
    if letter.client and not await count_letters(tx, MORGUE.table, letter.book, letter.client):
        await subjects.restore_client(tx, letter.book, letter.client)


async def bury_conflicts(tx: Tx, arrivals: Sequence[Arrival]) -> None:
    """Keep facts whose id the ledger has with another body: not to be folded (D10)."""
    text = "the ledger has another body under the same id"
    await _bury(tx, [(one.record, SAME_ID_OTHER_BODY, text) for one in arrivals])


async def _bury(tx: Tx, buried: Sequence[tuple[Record, str, str]]) -> None:
    letters = await bury(tx, MORGUE, buried)
    degraded = {(one.book, one.client, one.partition) for one in letters if one.book and one.client}
    for book, client, partition in sorted(degraded):
        await subjects.degrade_client(tx, book, client, partition, NO_MOVES)
