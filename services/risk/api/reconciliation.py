"""Reconciliation (R12): what intake accepted beside what is folded, what was decided beside what notify has planned."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.risk.api.edge import BookQuery, Front, book_of
from services.risk.domain.completeness import LaneState
from services.risk.domain.moments import moment_of
from services.risk.handlers.reckoning import event_id_of, span_of
from services.risk.store import awaited, books, completeness
from services.risk.store.awaited import Awaited
from services.risk.store.completeness import LaneClose, Span
from shared.db.port import Tx
from shared.events.base import Topic
from shared.kernel.days import LATEST, Day, date_of, day_of
from shared.runtime.edge import READS_ONE, CursorText, Limit, Number, cursor_of, page_of, place_of
from shared.security.rights import requires

_DAYS_SHOWN = 100
_AWAITED_SHOWN = 100
_LETTERS_SHOWN = 20
_CLOSED = tuple(state for state in LaneState if state is not LaneState.OPEN)
_State = Literal["complete", "explained", "gap", "close_missing", "unchecked"]
Partition = Annotated[int, Query(ge=0, le=1_000, description="Partition of `tocsin.intake`")]
Since = Annotated[date, Query(description="First day that was open: `since` of the lane and day")]


class LaneDay(BaseModel):
    """The facts of one lane and business day."""

    topic: str = Topic.INTAKE.value
    partition: int
    since: date = Field(description="First day that the close closes: facts were accepted while it was open")
    day: date | None = Field(description="Day that was closed; absent while it is open")
    accepted: int | None = Field(
        description="As intake says at the close; absent: it was not counted, or is not closed"
    )
    folded: int
    missing: int = Field(description="Accepted and not folded; of an explained one: what lies in the dead letters")
    unaccepted: int = Field(description="Folded and not accepted")
    state: str = Field(description="complete, explained (by dead letters), gap, close_missing, unchecked or open")
    evaluated: bool = Field(description="Alerts are decided on this day")
    dead_letters: list[str] = Field(description="Event ids of its facts that could not be digested, the first ones")


class DecidedDay(BaseModel):
    """Revisions of alerts that say something of a business day."""

    topic: str = Topic.RISK.value
    day: date
    decided: int
    notified: int = Field(description="Of which notify has planned whom to tell")


class AwaitedRevision(BaseModel):
    """A revision that notify has not answered."""

    topic: str = Topic.RISK.value
    partition: int
    day: date
    alert: str
    revision: int
    decided_at: datetime
    state: Literal["unsent", "waiting", "overdue"] = Field(
        description="unsent: in the outbox; waiting: under way; overdue: longer than TOCSIN_ANSWER_OVERDUE_S"
    )


class Reconciliation(BaseModel):
    """A book's facts and alerts, service beside service."""

    book: str
    complete: bool = Field(description="No gap in the facts of closed days, no revision that is overdue")
    items: list[LaneDay] = Field(description="Closed days by lane, the latest first")
    next: str | None = None
    open: list[LaneDay] = Field(description="The day that is open, by lane")
    decided: list[DecidedDay] = Field(description="The latest days that alerts speak of")
    awaited: list[AwaitedRevision] = Field(description="The oldest revisions that notify has not answered")


class FoldedFact(BaseModel):
    """A fact that was folded."""

    fact: str = Field(description="Event id")
    in_ledger: bool = Field(description="False: it was counted, and the ledger has lost it since")


class FoldedPage(BaseModel):
    """Facts of one lane and day in the order in which they were folded; a page has up to about 5,000."""

    items: list[FoldedFact]
    next: str | None = None


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/reconciliation`."""
    _add_comparison(router, front)
    _add_facts(router, front)


def _add_comparison(router: APIRouter, front: Front) -> None:
    @router.get(
        "/reconciliation",
        tags=["operations"],
        dependencies=[requires("reconciliation:read")],
        responses=READS_ONE,
    )
    async def get_reconciliation(
        book: BookQuery,
        state: Annotated[_State | None, Query(description="Only closed days in this state")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> Reconciliation:
        """Compare what intake accepted with what is folded, by lane and business day; what was decided with what
        notify has planned whom to tell."""
        states = _CLOSED if state is None else (LaneState(state),)
        before = place_of(cursor, tuple[Number, Number], (LATEST + 1, 0))
        async with front.database.read() as tx:
            await book_of(tx, book)
            evaluator = await books.evaluator_of(tx, book)
            evaluated = -1 if evaluator is None else evaluator.evaluated_through
            closes = await completeness.closes_page(tx, book, states, before, limit + 1)
            page, following = page_of(closes, limit, lambda last: cursor_of(last.day, last.partition))
            waiting = await _awaited(tx, front, book)
            overdue = any(one.state == "overdue" for one in waiting)
            return Reconciliation(
                book=book,
                complete=book not in await completeness.gaps(tx) and not overdue,
                items=[await _closed_day(tx, close, evaluated) for close in page],
                next=following,
                open=await _open_days(tx, book),
                decided=[
                    DecidedDay(day=date_of(day), decided=decided, notified=decided - left)
                    for day, decided, left in await awaited.decided_by_day(tx, book, _DAYS_SHOWN)
                ],
                awaited=waiting,
            )


def _add_facts(router: APIRouter, front: Front) -> None:
    @router.get(
        "/reconciliation/facts",
        tags=["operations"],
        dependencies=[requires("reconciliation:read")],
        responses=READS_ONE,
    )
    async def list_folded(book: BookQuery, partition: Partition, since: Since, cursor: CursorText = None) -> FoldedPage:
        """Name the facts that were folded of one lane and business day, closed or open."""
        (after,) = place_of(cursor, tuple[Number], (0,))
        async with front.database.read() as tx:
            await book_of(tx, book)
            span = await _span(tx, book, partition, day_of(since))
            if cursor is not None:
                span = span._replace(after=max(after, span.after))
            ids, following = await completeness.ids_between(tx, span)
            kept = await completeness.kept(tx, ids)
        return FoldedPage(
            items=[FoldedFact(fact=one, in_ledger=one in kept) for one in ids],
            next=None if following is None else cursor_of(following),
        )


async def _span(tx: Tx, book: str, partition: int, since: Day) -> Span:
    """Return the part of a lane that holds a day's facts: up to its close, or to the end while it is open."""
    close = await completeness.close_with(tx, book, partition, since)
    before = completeness.FOREVER_OFFSET if close is None else close.offset
    previous = await completeness.close_before(tx, book, partition, before)
    return Span(book, partition, -1 if previous is None else previous.offset, before)


async def _closed_day(tx: Tx, close: LaneClose, evaluated: Day) -> LaneDay:
    letters: list[str] = []
    if close.state not in (LaneState.COMPLETE, LaneState.UNCHECKED):
        before = await completeness.close_before(tx, close.book, close.partition, close.offset)
        found = await completeness.letters_between(tx, span_of(close, before))
        letters = [event_id_of(letter) for letter in found[:_LETTERS_SHOWN]]
    return LaneDay(
        partition=close.partition,
        since=date_of(close.since),
        day=date_of(close.day),
        accepted=close.accepted,
        folded=close.folded,
        missing=close.missing,
        unaccepted=close.unaccepted,
        state=close.state,
        evaluated=close.day <= evaluated,
        dead_letters=letters,
    )


async def _open_days(tx: Tx, book: str) -> list[LaneDay]:
    days = []
    for partition, (closed_through, _) in sorted((await books.lanes_closed(tx, book)).items()):
        last = await completeness.close_before(tx, book, partition, completeness.FOREVER_OFFSET)
        # Without any close it is a lane from before facts were counted: compared from its next close on.
        state = LaneState.UNCHECKED if last is None else LaneState.OPEN
        span = Span(book, partition, -1 if last is None else last.offset, completeness.FOREVER_OFFSET)
        folded = await completeness.folded_between(tx, span)
        letters = await completeness.letters_between(tx, span)
        days.append(
            LaneDay(
                partition=partition,
                since=date_of(closed_through + 1),
                day=None,
                accepted=None,
                folded=folded.facts,
                missing=0,
                unaccepted=0,
                state=state,
                evaluated=False,
                dead_letters=[event_id_of(letter) for letter in letters[:_LETTERS_SHOWN]],
            )
        )
    return days


async def _awaited(tx: Tx, front: Front, book: str) -> list[AwaitedRevision]:
    found = await awaited.awaited_after(tx, book, (0, ""), _AWAITED_SHOWN)
    unsent = await awaited.unsent_among(tx, [one.event_id for one in found])
    overdue = tx.now - timedelta(seconds=front.settings.answer_overdue_s)

    def state(one: Awaited) -> Literal["unsent", "waiting", "overdue"]:
        if one.event_id in unsent:
            return "unsent"
        return "overdue" if moment_of(one.decided_at) < overdue else "waiting"

    return [
        AwaitedRevision(
            partition=one.partition,
            day=date_of(one.as_of),
            alert=one.alert,
            revision=one.revision,
            decided_at=moment_of(one.decided_at),
            state=state(one),
        )
        for one in found
    ]
