"""What intake accepted, counted per lane and business day, and which facts those were (R12)."""

from datetime import date
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from services.intake.api.documents import PROBLEMS_READ, page_schema, replies
from services.intake.api.edge import CursorText, Front, Limit, refuse_unknown_parameters, replied
from services.intake.domain.findings import BOOK_PATTERN
from services.intake.store import books, tallies
from shared.events.base import Topic
from shared.kernel.days import LATEST, date_of, day_of
from shared.problem import Problem
from shared.runtime.edge import Number, cursor_of, page_of, place_of
from shared.security.rights import requires

BookQuery = Annotated[str, Query(pattern=BOOK_PATTERN, description="Id of the book")]
Lane = Annotated[int, Query(ge=0, le=1_000, description="Partition of `tocsin.intake`")]
Since = Annotated[date, Query(description="First day that was open: `since` of the lane and day")]


class AcceptedDay(msgspec.Struct, kw_only=True):
    """What was accepted in a lane while a business day was open."""

    topic: str
    partition: int
    since: str
    day: str | None
    """The day whose close closed it; absent while it is open."""
    accepted: int


class AcceptedFact(msgspec.Struct, kw_only=True):
    """A fact that was accepted."""

    fact: str
    """Event id."""
    in_ledger: bool
    unsent: bool
    """It waits in the outbox: nobody can have it yet."""


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/reconciliation`."""
    _add_days(router, front)
    _add_facts(router, front)


def _add_days(router: APIRouter, front: Front) -> None:
    @router.get(
        "/reconciliation",
        summary="Count what was accepted",
        tags=["operations"],
        dependencies=[requires("reconciliation:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("By day and lane, the latest first", page_schema(AcceptedDay))}, *PROBLEMS_READ, 404),
    )
    async def list_accepted(book: BookQuery, cursor: CursorText = None, limit: Limit = 100) -> Response:
        """Count accepted facts by business day and lane, since this version began to count."""
        before = place_of(cursor, tuple[Number, Number], (LATEST + 1, 0))
        async with front.database.read() as tx:
            if await books.find(tx, book) is None:
                raise _unknown(book)
            found = await tallies.page(tx, book, before, limit + 1)
            page, following = page_of(found, limit, lambda last: cursor_of(last.since, last.lane))
            closes = await tallies.closes_from(tx, book, page[-1].since) if page else []
        items = []
        for one in page:
            closed = next((day for day in closes if day >= one.since), None)
            items.append(
                AcceptedDay(
                    topic=Topic.INTAKE,
                    partition=one.lane,
                    since=date_of(one.since).isoformat(),
                    day=None if closed is None else date_of(closed).isoformat(),
                    accepted=one.facts,
                )
            )
        return replied({"items": items, "next": following})


def _add_facts(router: APIRouter, front: Front) -> None:
    @router.get(
        "/reconciliation/facts",
        summary="Name what was accepted",
        tags=["operations"],
        dependencies=[requires("reconciliation:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("Up to about 5,000 facts", page_schema(AcceptedFact))}, *PROBLEMS_READ, 404),
    )
    async def list_accepted_facts(
        book: BookQuery, partition: Lane, since: Since, cursor: CursorText = None
    ) -> Response:
        """Name the facts that were accepted in one lane while a business day was open."""
        (after,) = place_of(cursor, tuple[Number], (0,))
        async with front.database.read() as tx:
            if await books.find(tx, book) is None:
                raise _unknown(book)
            ids, following = await tallies.ids_after(tx, tallies.Place(book, partition, day_of(since)), after)
            kept, unsent = await tallies.kept(tx, ids), await tallies.unsent(tx, ids)
        items = [AcceptedFact(fact=one, in_ledger=one in kept, unsent=one in unsent) for one in ids]
        return replied({"items": items, "next": None if following is None else cursor_of(following)})


def _unknown(book: str) -> Problem:
    return Problem("unknown-book", 404, "No such book", f"No book {book!r} is open.")
