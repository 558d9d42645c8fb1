"""Beginning and ending silences."""

from datetime import datetime

from services.notify.domain.silences import Silence, SilenceMatch
from services.notify.store import silences
from shared.db.port import Tx
from shared.kernel.ids import hashed_id, new_id


async def start_silence(
    tx: Tx, match: SilenceMatch, span: tuple[datetime, datetime], author: str, comment: str
) -> Silence | None:
    """Begin a silence of a span of time; None when that is over, or ends before it begins."""
    starts_at, ends_at = span
    if ends_at <= max(starts_at, tx.now):
        return None
    silence = Silence(hashed_id("silence", new_id()), match, starts_at, ends_at, author, comment)
    await silences.add_silence(tx, silence)
    return silence


async def end_silence(tx: Tx, silence: str, by: str) -> Silence | None:
    """End a silence now, unless it is over; None when there is none of that id."""
    found = await silences.silence_with_id(tx, silence)
    if found is None or found.ends_at <= tx.now:
        return found
    ended = found._replace(starts_at=min(found.starts_at, tx.now), ends_at=tx.now, ended_by=by)
    await silences.save_silence(tx, ended)
    return ended
