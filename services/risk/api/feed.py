"""The feed: every revision of every alert in the order of decision."""

import heapq
from typing import Annotated

from fastapi import APIRouter, Query

from services.risk.api.edge import AnyBook, AsOf, Front, KnownAt, day_asked, known_at_us
from services.risk.api.shapes import FeedPage, feed_item
from services.risk.domain.moments import moment_of
from services.risk.evaluation.revisions import decode_kept
from services.risk.store import alerts, books
from services.risk.store.alerts import RevisionRow
from shared.runtime.edge import CURSOR_PATTERN, READS, Limit, Name, Number, cursor_of, place_of
from shared.security.rights import requires

After = Annotated[str | None, Query(max_length=6_000, pattern=CURSOR_PATTERN, description="`next` of the page before")]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/alert-revisions`."""

    @router.get("/alert-revisions", tags=["alerts"], dependencies=[requires("risk:read")], responses=READS)
    async def list_revisions(
        after: After = None, book: AnyBook = None, limit: Limit = 100, as_of: AsOf = None, known_at: KnownAt = None
    ) -> FeedPage:
        """List revisions after a place. Each book's come in the order of decision, and none is ever missed: the
        place is one number per book, drawn under the lock of the book's evaluator."""
        (places,) = place_of(after, tuple[dict[Name, Number]], ({},))
        async with front.database.read() as tx:
            names = [book] if book is not None else await books.all_evaluated_books(tx)
            feeds = [await alerts.feed_of_book(tx, name, places.get(name, 0), limit) for name in sorted(names)]
        page = list(heapq.merge(*(_in_time(feed) for feed in feeds), key=lambda item: item[:2]))[:limit]
        reached = dict(places)
        items = []
        for _, name, row in page:
            reached[name] = row.feed
            if row.as_of <= day_asked(as_of) and row.known_from <= known_at_us(known_at):
                items.append(feed_item(decode_kept(row.body), moment_of(row.decided_at)))
        return FeedPage(items=items, next=cursor_of(reached) if reached else after)


def _in_time(feed: list[RevisionRow]) -> list[tuple[int, str, RevisionRow]]:
    """Return a book's revisions with moments that never fall: clocks of several processes may differ a little."""
    timed: list[tuple[int, str, RevisionRow]] = []
    latest = 0
    for row in feed:
        latest = max(latest, row.decided_at)
        timed.append((latest, row.book, row))
    return timed
