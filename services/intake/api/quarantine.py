"""The quarantine: list, show, retry, dismiss."""

import base64
import binascii
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Row

from services.intake import metrics
from services.intake.api.documents import PROBLEMS_READ, PROBLEMS_WRITE, body, page_schema, replies, struct_schema
from services.intake.api.edge import (
    CursorText,
    Front,
    IdempotencyKey,
    Limit,
    decoded,
    invalid,
    once,
    read_bytes,
    refuse_unknown_parameters,
    replied,
)
from services.intake.domain.findings import BOOK_PATTERN, Finding
from services.intake.domain.reasons import HeldReason
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.preview import preview_item
from services.intake.handlers.review import Reviewed, dismiss_item, retry_item
from services.intake.handlers.telling import ItemShown, ItemTold, item_shown, item_told
from services.intake.store import quarantine
from services.intake.store.quarantine import Cursor
from shared.db.port import Tx
from shared.db.watched import Plain
from shared.problem import FieldError, Problem
from shared.security.rights import requires

ItemId = Annotated[str, Path(alias="id", pattern=r"^[0-9a-f]{32}$", description="Id of the item")]
COMMENT_LENGTH_MAX = 1_000


class ChangeTold(msgspec.Struct, frozen=True):
    """What would become of one thing: `before` is null of one that is new, `after` of one that would go."""

    kind: str
    name: str
    before: dict[str, Plain] | None
    after: dict[str, Plain] | None


class PreviewTold(msgspec.Struct, frozen=True):
    """What would become of an item, and what would change by that."""

    outcome: Outcome
    frees: int
    """Facts beside it that would go on: they wait for what it brings."""
    changes: list[ChangeTold]
    more: int
    """Changes that are not listed."""


class Dismissal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a fact is not to be taken."""

    comment: Annotated[str, msgspec.Meta(min_length=1, max_length=COMMENT_LENGTH_MAX)]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the routes under `/quarantine`."""
    _add_reads(router, front)
    _add_preview(router, front)
    _add_retry(router, front)
    _add_dismiss(router, front)


def _add_reads(router: APIRouter, front: Front) -> None:
    @router.get(
        "/quarantine",
        summary="List what waits or is held",
        tags=["quarantine"],
        dependencies=[requires("quarantine:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("Items, oldest first", page_schema(ItemTold))}, *PROBLEMS_READ),
    )
    async def list_items(
        book: Annotated[str | None, Query(pattern=BOOK_PATTERN, description="Only of this book")] = None,
        reason: Annotated[HeldReason | None, Query(description="Only what is held for this reason")] = None,
        state: Annotated[
            Literal["waiting", "quarantined", "dismissed"] | None,
            Query(description="`waiting` goes on by itself, `quarantined` waits for a person, `dismissed` is settled"),
        ] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> Response:
        """List facts that are not in the ledger, oldest first: why each is held and what it waits for."""
        asked = {"book": book, "reason": reason.value if reason else None, "state": state}
        filters = {name: value for name, value in asked.items() if value is not None}
        after = _place(cursor) if cursor else None
        async with front.database.read() as tx:
            rows = await quarantine.page(tx, filters, after, limit + 1)
        following = None
        if len(rows) > limit:
            following = _cursor(Cursor(rows[limit - 1].received_at, rows[limit - 1].item))
        return replied({"items": [item_told(row) for row in rows[:limit]], "next": following})

    @router.get(
        "/quarantine/{id}",
        summary="See an item with its bytes",
        tags=["quarantine"],
        dependencies=[requires("quarantine:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("The item", ItemShown)}, *PROBLEMS_READ, 404),
    )
    async def get_item(item: ItemId) -> Response:
        """Show an item with what is wrong with it, and its headers and body as they came."""
        async with front.database.read() as tx:
            row = await quarantine.see(tx, item)
        if row is None:
            raise _unknown(item)
        return replied(item_shown(row))


def _add_preview(router: APIRouter, front: Front) -> None:
    @router.get(
        "/quarantine/{id}/preview",
        summary="See what a retry would change",
        tags=["quarantine"],
        dependencies=[requires("quarantine:write"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("What would become of it", PreviewTold)}, *PROBLEMS_READ, 404, 409),
    )
    async def get_preview(item: ItemId) -> Response:
        """Judge an item as a retry would, tell what that changes, and change nothing: it is done and rolled back."""
        reviewed, previewed = await preview_item(front.database, front.desk, item, front.clock.now())
        outcome = _outcome(reviewed, item)
        went_on = sum(one.kind == "fact" for one in previewed.changes)
        frees = went_on - (outcome.outcome == "accepted")
        changes = [ChangeTold(*change) for change in previewed.changes]
        return replied(PreviewTold(outcome, frees, changes, previewed.more))


def _outcome(reviewed: Reviewed, item: str) -> Outcome:
    if reviewed.result == "dismissed":
        raise _dismissed(item)
    if reviewed.outcome is None:
        raise _unknown(item)
    return reviewed.outcome


def _add_retry(router: APIRouter, front: Front) -> None:
    @router.post(
        "/quarantine/{id}/retry",
        summary="Judge an item again",
        tags=["quarantine"],
        dependencies=[requires("quarantine:write")],
        responses=replies({200: ("What became of it", Outcome)}, 401, 403, 404, 409, 422, 503),
    )
    async def post_retry(request: Request, item: ItemId, idempotency_key: IdempotencyKey = None) -> Response:
        """Judge by what is known and allowed today; it goes on, or stays with its reason."""

        async def work(tx: Tx) -> Response:
            await front.desk.take_room(tx, 1)
            return replied(_outcome(await retry_item(tx, front.desk, item, front.clock.now()), item))

        return await once(request, front, idempotency_key, b"", work)


def _add_dismiss(router: APIRouter, front: Front) -> None:
    @router.post(
        "/quarantine/{id}/dismiss",
        summary="Dismiss an item",
        tags=["quarantine"],
        dependencies=[requires("quarantine:write")],
        responses=replies({200: ("The item, dismissed; it stays", ItemTold)}, *PROBLEMS_WRITE, 404),
        openapi_extra=body(struct_schema(Dismissal), {"comment": "A test of the core system; not to be taken."}),
    )
    async def post_dismiss(request: Request, item: ItemId, idempotency_key: IdempotencyKey = None) -> Response:
        """Settle an item that is not to be taken, with a comment; it stays, marked, and waits for nothing."""
        content = await read_bytes(request, front)
        comment = decoded(content, Dismissal).comment
        if not comment.replace("\n", " ").isprintable():
            raise invalid([Finding("/comment", "printable characters and line ends")])

        async def work(tx: Tx) -> Response:
            reviewed = await dismiss_item(tx, item, comment, front.clock.now())
            if reviewed.result == "unknown":
                raise _unknown(item)
            if reviewed.result == "dismissed":
                raise _dismissed(item)
            metrics.DISMISSED.inc()
            return replied(item_told(await _kept(tx, item)))

        return await once(request, front, idempotency_key, content, work)


async def _kept(tx: Tx, item: str) -> Row[Any]:
    row = await quarantine.see(tx, item)
    assert row is not None, "a dismissed item stays"
    return row


def _cursor(place: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode()


def _place(cursor: str) -> Cursor:
    try:
        return msgspec.msgpack.decode(base64.b64decode(cursor.encode(), b"-_", validate=True), type=Cursor)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError):
        errors = [FieldError(pointer="cursor", detail="is not the `next` of a page")]
        raise Problem("invalid-request", 422, "The request does not fit its description", errors=errors) from None


def _unknown(item: str) -> Problem:
    return Problem("unknown-item", 404, "No such item", f"Nothing lies in quarantine under {item!r}.")


def _dismissed(item: str) -> Problem:
    return Problem("dismissed", 409, "The item was dismissed", f"{item} is not to be taken: see its comment.")
