"""Taking over a lane and letting it go: the evaluators of the books that belong to it come along (D16)."""

from services.risk.handlers.fold import EVALUATE, Scope, lanes_of
from services.risk.store import books
from shared.db.port import Tx
from shared.log.lanes import lane_of


async def take_over(tx: Tx, partition: int, scope: Scope) -> None:
    """Own the evaluators of a lane's books; the owner before is fenced at its next evaluation.

    One that is still assigned the lane takes them back then: a process that only believed to own it has not harmed,
    because an evaluation is made from the database alone, under the lock of the evaluator's row.
    """
    scope.lanes.add(partition)
    # A partition is claimed anew after every fault of the database: what was believed of it may not have been kept.
    scope.tallies.clear()
    partitions = await lanes_of(tx, scope)
    mine = [book for book in await books.all_evaluated_books(tx) if lane_of(book, partitions) == partition]
    if mine:
        await books.take_evaluators(tx, mine, scope.owner)
        await tx.wake(EVALUATE, "")


def let_go(partition: int, scope: Scope) -> None:
    """Forget a lane that is assigned to another process now."""
    scope.lanes.discard(partition)
