"""Dead letters digested again, tried without effect, and settled: what the routes on them do (`letters.py`).

A letter is digested by whoever is asked, in one transaction that takes its partition over: the owner, who is fenced by
that, claims it back with its next batch and keeps nothing in memory of what was before.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.db import letters, positions
from shared.db.letters import DISMISSED, RETRIED, DeadLetter, Morgue
from shared.db.port import Database, DatabaseUnavailable, Tx
from shared.db.watched import Previewed, Shown, WatchedTx, Writes, preview, show_all
from shared.problem import Problem
from shared.runtime import metrics
from shared.runtime.bell import Bell
from shared.runtime.edge import missing
from shared.runtime.service import Batch, Subscription

STILL_UNDIGESTIBLE = "still-undigestible"


async def _nothing(_tx: Tx, _letter: DeadLetter) -> None:
    """Nothing more is to be done when a letter is settled."""


@dataclass(frozen=True)
class LetterDesk:
    """What the routes work with."""

    database: Database
    morgue: Morgue
    owner: str
    relay: Bell
    subscriptions: Callable[[], Sequence[Subscription]]
    """Composed anew for each replay, so that nothing is believed that a transaction that failed has left in memory."""
    settled: Callable[[Tx, DeadLetter], Awaitable[None]] = _nothing
    """Called in the transaction that settles a letter."""
    show: Callable[[Tx, Writes], Awaitable[Shown]] | None = None
    """Tells in plain data what is there of what a replay wrote; without it the rows themselves."""


async def replay_letter(tx: Tx, desk: LetterDesk, name: str, by: str) -> tuple[DeadLetter, Callable[[], None]]:
    """Digest a letter; return it settled, and what is to be done once that is committed. Problem 409 when it still
    cannot be digested."""
    letter, batch, subscription = await _digest(tx, tx, desk, name)
    settled, after_commit = await _put(tx, desk, letter, RETRIED, (by, "")), subscription.after_commit

    def done() -> None:
        if after_commit is not None:
            after_commit(batch)

    return settled, done


async def preview_letter(desk: LetterDesk, name: str) -> Previewed:
    """Return what a replay would change, and change nothing. Problem 409 when it would fail again."""

    async def work(tx: Tx, writes: Writes) -> None:
        letter, _, _ = await _digest(tx, WatchedTx(tx, writes), desk, name)
        if not await letters.settle_letter(tx, desk.morgue.table, letter._replace(state=RETRIED)):
            raise _undigestible(letter.error)
        await desk.settled(tx, letter)

    async def show(tx: Tx, writes: Writes) -> Shown:
        if desk.show is not None:
            return await desk.show(tx, writes)
        return await show_all(tx, desk.morgue.house, writes)

    _, previewed = await preview(desk.database, work, show)
    return previewed


async def dismiss_letter(tx: Tx, desk: LetterDesk, name: str, by: str, reason: str) -> DeadLetter:
    """Settle a letter whose effect is not needed."""
    return await _put(tx, desk, await _take(tx, desk, name), DISMISSED, (by, reason))


async def _digest(tx: Tx, through: Tx, desk: LetterDesk, name: str) -> tuple[DeadLetter, Batch, Subscription]:
    """Take a letter in hand and let its handler digest it `through` a transaction that is `tx` or watches it."""
    seen = await letters.letter_with_id(tx, desk.morgue.table, name)
    if seen is None:
        raise missing("dead-letter", name)
    subscription = next((one for one in desk.subscriptions() if one.topic == seen.topic), None)
    if subscription is None:
        raise Problem("not-read", 409, "The topic is not read any more", f"Nothing reads {seen.topic}; dismiss it.")
    place = (seen.topic, seen.partition)
    # The position before the letter, as the owner takes them: nobody can block another for ever.
    claim = await positions.claim(tx, desk.morgue.house, desk.morgue.service, *place, f"{desk.owner}/retry")
    letter = await _take(tx, desk, name)
    batch = Batch(*place, claim.epoch, [letter.record])
    try:
        await subscription.handle(through, batch)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        raise _undigestible(f"{type(error).__name__}: {error}"[:2_000]) from error
    return letter, batch, subscription


def _undigestible(error: str) -> Problem:
    return Problem(STILL_UNDIGESTIBLE, 409, "The message still cannot be digested", error)


async def _take(tx: Tx, desk: LetterDesk, name: str) -> DeadLetter:
    """Take a letter in hand that nobody has settled; nobody else can settle it before this transaction ends."""
    letter = await letters.letter_with_id(tx, desk.morgue.table, name)
    if letter is None:
        raise missing("dead-letter", name)
    if not await letters.take_letter(tx, desk.morgue.table, name):
        raise Problem("settled", 409, "The letter is settled already", "Somebody has replayed or dismissed it.")
    return letter


async def _put(tx: Tx, desk: LetterDesk, letter: DeadLetter, state: str, said: tuple[str, str]) -> DeadLetter:
    """Put a letter back with what became of it, by whom and why; Problem 409 when the handler has buried it again."""
    by, comment = said
    settled_at = int(tx.now.timestamp() * 1_000_000)
    settled = letter._replace(state=state, settled_by=by, settled_at=settled_at, comment=comment)
    if not await letters.settle_letter(tx, desk.morgue.table, settled):
        raise _undigestible(letter.error)
    await desk.settled(tx, settled)
    metrics.LETTERS_SETTLED.labels(desk.morgue.service, state).inc()
    return settled
