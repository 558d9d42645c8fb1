"""Messages with all attempts, what was held back, and sending again."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response

from services.notify.api.edge import HASH_PATTERN, By, Front, HashId
from services.notify.api.shapes import (
    HeldPage,
    MessagePage,
    MessageShown,
    MessageTold,
    message_fields,
    message_told,
    notice_shown,
)
from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import Channel
from services.notify.domain.planning import NoticeState
from services.notify.domain.reasons import NoticeReason
from services.notify.domain.retrying import MessageState
from services.notify.handlers.delivering import resend
from services.notify.store import messages, notices
from services.notify.store.messages import Wanted
from shared.db.port import Tx
from shared.problem import Problem, answers
from shared.runtime.edge import (
    READS,
    READS_ONE,
    Answer,
    CursorText,
    IdempotencyKey,
    Limit,
    cursor_at,
    missing,
    moment_place,
    once,
    page_of,
)
from shared.security.rights import requires

_RECIPIENT = r"^[A-Za-z0-9._:/-]{1,140}$"
LAST = (2**62, "")


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/messages` and `/held`."""
    _add_reads(router, front)
    _add_held(router, front)
    _add_resend(router, front)


def _add_reads(router: APIRouter, front: Front) -> None:
    @router.get("/messages", tags=["messages"], dependencies=[requires("messages:read")], responses=READS)
    async def list_messages(
        state: Annotated[MessageState | None, Query(description="Only in this state")] = None,
        channel: Annotated[Channel | None, Query(description="Only over this channel")] = None,
        purpose: Annotated[Purpose | None, Query(description="Only for this purpose")] = None,
        audience: Annotated[str | None, Query(pattern="^(staff|client)$", description="staff or client")] = None,
        recipient: Annotated[
            str | None, Query(pattern=_RECIPIENT, description="Person, endpoint, or `book/client`")
        ] = None,
        alert: Annotated[str | None, Query(pattern=HASH_PATTERN, description="Those that tell of this alert")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> MessagePage:
        """List messages, the newest first."""
        before = moment_place(cursor, LAST)
        wanted = Wanted(state, channel, purpose, audience, recipient)
        async with front.database.read() as tx:
            found = await messages.messages_before(tx, wanted, before, limit + 1, alert)
        page, following = page_of(found, limit, lambda last: cursor_at(last.created_at, last.id))
        return MessagePage(items=[MessageShown(**message_fields(row)) for row in page], next=following)

    @router.get("/messages/{id}", tags=["messages"], dependencies=[requires("messages:read")], responses=READS_ONE)
    async def get_message(message: HashId) -> MessageTold:
        """Show one message with what it tells and every attempt to send it."""
        async with front.database.read() as tx:
            return await _told(tx, message)


async def _told(tx: Tx, message: str) -> MessageTold:
    row = await messages.message_with_id(tx, message)
    if row is None:
        raise missing("message", message)
    told = (await notices.notices_of_messages(tx, [message])).get(message, [])
    return message_told(row, told, await messages.attempts_of(tx, message))


def _add_held(router: APIRouter, front: Front) -> None:
    @router.get("/held", tags=["messages"], dependencies=[requires("messages:read")], responses=READS)
    async def list_held(
        state: Annotated[NoticeState | None, Query(description="waiting, held or dropped")] = None,
        reason: Annotated[NoticeReason | None, Query(description="Only for this reason")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> HeldPage:
        """List what was not told at once: it waits for working hours, is held for a client's address or consent until
        `due_at`, or was dropped, each with its reason. The oldest first."""
        after = moment_place(cursor)
        async with front.database.read() as tx:
            found = await notices.held_back(tx, after, limit + 1, state, reason)
        page, following = page_of(found, limit, lambda last: cursor_at(last.created_at, last.id))
        return HeldPage(items=[notice_shown(row) for row in page], next=following)


def _add_resend(router: APIRouter, front: Front) -> None:
    @router.post(
        "/messages/{id}/resend",
        tags=["messages"],
        status_code=202,
        dependencies=[requires("messages:write")],
        response_model=MessageTold,
        responses=answers(400, 401, 403, 404, 409, 422, 503),
    )
    async def resend_message(
        request: Request, message: HashId, body: Annotated[By, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Send a message again that failed, or of which nobody knows whether it was sent: the same bytes under the
        same id. 409 for any other, and for one whose link would not work any more."""

        async def work(tx: Tx) -> Answer:
            done = await resend(tx, message, body.by, front.desk)
            if done.message is None:
                raise missing("message", message)
            if done.refused:
                raise Problem("not-resendable", 409, "The message cannot be sent again", f"It is {done.refused}.")
            return Answer(202, await _told(tx, message), {})

        response = await once(request, front.store, idempotency_key, body.model_dump_json().encode(), work)
        for bell in front.sending:
            bell.ring()
        return response
