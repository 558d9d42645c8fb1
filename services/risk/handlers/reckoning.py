"""What was folded is counted with it, and at each close compared with what intake says it accepted (R12)."""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from services.risk.domain.completeness import LaneState, judge_lane
from services.risk.domain.moments import micros_of
from services.risk.handlers.arrivals import Arrival, Control
from services.risk.store import awaited
from services.risk.store import completeness as store
from services.risk.store.completeness import LaneClose, Span
from shared.db.letters import DeadLetter
from shared.db.port import Tx
from shared.events.envelope import from_headers
from shared.events.intake import BookDayClosed
from shared.events.notify import AlertPlanned
from shared.kernel.days import day_of
from shared.kernel.ids import hashed_id
from shared.kernel.tally import Tally, pack_ids, tally_of
from shared.runtime.service import Batch
from shared.telemetry import logger

_log = logger("reckoning")
_RECHECKED_MAX = 200
_PLANNED = msgspec.json.Decoder(AlertPlanned)


async def reckon(tx: Tx, partition: int, fresh: Sequence[Arrival], controls: Sequence[Control]) -> None:
    """Count new facts of a batch; judge the closes in it. One statement for a batch without a close."""
    marks: dict[str, list[int]] = {}
    for control in controls:
        marks.setdefault(control.message.book, []).append(control.offset)
    parts: dict[tuple[str, int], list[Arrival]] = {}
    for one in fresh:
        book = one.message.book
        passed = bisect_left(marks[book], one.record.offset) if book in marks else 0
        parts.setdefault((book, passed), []).append(one)
    folded = [(book, facts[-1].record.offset, [one.envelope.id for one in facts]) for (book, _), facts in parts.items()]
    await store.add_folded(tx, partition, folded)
    if controls:
        await _note_closes(tx, partition, controls)


async def _note_closes(tx: Tx, partition: int, controls: Sequence[Control]) -> None:
    """Note where a lane opened books, and judge it at its closes."""
    latest: dict[str, LaneClose | None] = {}
    noted: list[LaneClose] = []
    for control in controls:
        book = control.message.book
        if book not in latest:
            latest[book] = await store.close_before(tx, book, partition, control.offset)
        close = _close_of(control, partition, micros_of(tx.now))
        if isinstance(control.message, BookDayClosed):
            close = await judge_close(tx, close, latest[book])
            if close.state in (LaneState.GAP, LaneState.CLOSE_MISSING):
                _log.error("facts_missing", **close._asdict())
        elif latest[book] is not None:
            continue
        latest[book] = close
        noted.append(close)
    await store.add_closes(tx, noted)


async def judge_close(tx: Tx, close: LaneClose, before: LaneClose | None) -> LaneClose:
    """Return a close with how it compares; `before` is the one before it in its lane, absent when that is not known."""
    span = span_of(close, before)
    folded = await store.folded_between(tx, span)
    accepted = close.tally if before is not None else None
    letters = Tally()
    if accepted is not None and folded != accepted:
        letters = tally_of(pack_ids([event_id_of(letter) for letter in await store.letters_between(tx, span)]))
    verdict = judge_lane(accepted, folded, letters, before is not None and before.day + 1 == close.since)
    return close._replace(
        folded=folded.facts, missing=verdict.missing, unaccepted=verdict.unaccepted, state=verdict.state.value
    )


async def judge_again(tx: Tx) -> int:
    """Judge those closes again whose state may have changed; return how many did."""
    changed = []
    for close in await store.unsettled(tx, _RECHECKED_MAX):
        before = await store.close_before(tx, close.book, close.partition, close.offset)
        judged = await judge_close(tx, close, before)
        if judged != close:
            changed.append(judged)
    await store.add_closes(tx, changed)
    return len(changed)


async def note_planned(tx: Tx, batch: Batch) -> None:
    """Note of which revisions notify has planned whom to tell; msgspec.DecodeError for a record that says it not."""
    told = [_PLANNED.decode(record.value) for record in batch.records]
    await awaited.answered(tx, [hashed_id(one.alert, one.revision) for one in told])


def span_of(close: LaneClose, before: LaneClose | None) -> Span:
    """Return the part of the lane that a close ends."""
    return Span(close.book, close.partition, -1 if before is None else before.offset, close.offset)


def event_id_of(letter: DeadLetter) -> str:
    """Return the event id of a dead letter."""
    return from_headers(letter.record.headers).id


def _close_of(control: Control, partition: int, now_us: int) -> LaneClose:
    message = control.message
    if isinstance(message, BookDayClosed):
        day = day_of(message.day)
        since = day if message.since is None else day_of(message.since)
        accepted, digest = message.accepted, message.accepted_digest
    else:
        since, day, accepted, digest = day_of(message.first_day), day_of(message.first_day) - 1, 0, 0
    return LaneClose(
        message.book, partition, control.offset, since, day, accepted, digest, 0, 0, 0, LaneState.COMPLETE, now_us
    )
