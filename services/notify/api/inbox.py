"""A person's inbox: what they were told, and the answer that they take it on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.notify.api.edge import HASH_PATTERN, Front
from services.notify.api.messages import LAST
from services.notify.api.shapes import InboxItem, InboxPage
from services.notify.domain.delivery import Purpose
from services.notify.domain.directory import ID_PATTERN, Channel, RecipientKind
from services.notify.domain.retrying import MessageState
from services.notify.handlers.acknowledging import request_acknowledgement
from services.notify.store import messages, notices
from services.notify.store.messages import MessageRow, Wanted
from services.notify.store.notices import NoticeRow
from shared.db.port import Tx
from shared.problem import answers
from shared.runtime.edge import (
    READS,
    TEXT_PATTERN,
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

PersonPath = Annotated[str, Path(pattern=ID_PATTERN, description="Id of the person")]
MessagePath = Annotated[str, Path(pattern=HASH_PATTERN, description="Id of the message")]


class Taking(BaseModel):
    """That a person has seen alerts and takes them on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"comment": "I call the branch today"}]})

    alert: str | None = Field(default=None, pattern=HASH_PATTERN, description="One of the message's; absent: all")
    comment: str = Field(default="", max_length=1_000, pattern=TEXT_PATTERN)


class Asked(BaseModel):
    """A request to risk, and risk's decision once it is there (`accepted`, `repeated`, `superseded`, `unknown`)."""

    request: str
    alert: str
    by: str
    requested_at: datetime | None
    decision: str | None
    decided_at: datetime | None


class AskedAll(BaseModel):
    """What was asked for."""

    items: list[Asked]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/inbox`."""

    @router.get("/inbox/{person}", tags=["inbox"], dependencies=[requires("messages:read")], responses=READS)
    async def list_inbox(person: PersonPath, cursor: CursorText = None, limit: Limit = 100) -> InboxPage:
        """List what a person was told in the inbox, the newest first, with the links made for that person."""
        before = moment_place(cursor, LAST)
        wanted = Wanted(state=MessageState.SENT, channel=Channel.INBOX, recipient=person)
        async with front.database.read() as tx:
            found = await messages.messages_before(tx, wanted, before, limit + 1)
            told = await notices.notices_of_messages(tx, [row.id for row in found])
        page, following = page_of(found, limit, lambda last: cursor_at(last.created_at, last.id))
        return InboxPage(items=[_item(row, told.get(row.id, [])) for row in page], next=following)

    @router.post(
        "/inbox/{person}/{message}/acknowledgements",
        tags=["inbox"],
        status_code=202,
        dependencies=[requires("alerts:write")],
        response_model=AskedAll,
        responses=answers(400, 401, 403, 404, 409, 422, 503),
    )
    async def acknowledge(
        request: Request,
        person: PersonPath,
        message: MessagePath,
        body: Annotated[Taking, Body()],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Ask risk to note that a person takes the alerts of a message on, or one of them. Asking again is the same
        request; risk decides, and its decision is shown when it is there."""

        async def work(tx: Tx) -> Answer:
            alerts = await _alerts_of(tx, person, message)
            if not alerts or (body.alert is not None and body.alert not in alerts):
                raise missing("message", message)
            asked: list[Asked] = []
            for alert in [body.alert] if body.alert is not None else alerts:
                done = await request_acknowledgement(tx, alert, person, body.comment, front.desk.partitions)
                if done is None:
                    raise missing("alert", alert)
                one = done.asked
                asked.append(
                    Asked(
                        request=one.id,
                        alert=one.alert,
                        by=one.by,
                        requested_at=one.requested_at,
                        decision=one.decision,
                        decided_at=one.decided_at,
                    )
                )
            return Answer(202, AskedAll(items=asked), {})

        response = await once(request, front.store, idempotency_key, body.model_dump_json().encode(), work)
        front.relay.ring()
        return response


async def _alerts_of(tx: Tx, person: str, message: str) -> list[str]:
    """Return the alerts that a message to a person tells of; none when it is not that person's."""
    row = await messages.message_with_id(tx, message)
    if row is None or (row.recipient_kind, row.recipient) != (RecipientKind.PERSON, person):
        return []
    return _alerts((await notices.notices_of_messages(tx, [message])).get(message, []))


def _alerts(told: list[NoticeRow]) -> list[str]:
    return list(dict.fromkeys(one.subject for one in told if one.purpose != Purpose.SURVEY))


def _item(row: MessageRow, told: list[NoticeRow]) -> InboxItem:
    return InboxItem(
        id=row.id,
        purpose=Purpose(row.purpose),
        subject=row.subject,
        text=row.text,
        html=row.html,
        created_at=row.created_at,
        alerts=_alerts(told),
    )
