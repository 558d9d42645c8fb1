"""Contacts: how a client can be reached, put whole."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request, Response

from services.intake import metrics
from services.intake.api.documents import PROBLEMS_WRITE, body, example_without, replies, struct_schema
from services.intake.api.edge import Front, invalid, once, read_bytes, replied
from services.intake.api.resources import SubjectId
from services.intake.handlers.contacts import PutContact, put_contact, read_contact
from shared.db.port import Tx
from shared.problem import Problem
from shared.security.rights import requires


class ContactTold(msgspec.Struct, kw_only=True):
    """Which version of a client's contact holds now; the contact itself is never told."""

    book: str
    client: str
    version: int
    effect: Literal["changed", "none"]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the route of a client's contact."""

    @router.put(
        "/clients/{id:path}/contact",
        summary="Put how to reach a client",
        tags=["clients"],
        dependencies=[requires("contacts:write")],
        responses=replies({200: ("The version that holds now", ContactTold)}, *PROBLEMS_WRITE, 404),
        openapi_extra=body(struct_schema(PutContact), example_without("tocsin.contact.put.v1", "client", "version")),
    )
    async def put_contact_of_client(request: Request, client: SubjectId) -> Response:
        """Put language, name, contact points and consents of a client, replacing all that was put before.

        The same contact put again has no effect, so there is no idempotency key. The client must be known.
        """
        content = await read_bytes(request, front)
        contact = read_contact(content, front.clock.now())
        if not isinstance(contact, PutContact):
            metrics.CONTACTS.labels("refused").inc()
            raise invalid(contact)

        async def work(tx: Tx) -> Response:
            done = await put_contact(tx, front.desk, client, contact)
            metrics.CONTACTS.labels(done.outcome).inc()
            if done.outcome == "unknown_book":
                raise Problem("unknown-book", 404, "No such book", f"No book {contact.book!r} is open.")
            if done.outcome == "unknown_client":
                raise Problem("unknown-client", 404, "No such client", "Register the client first, then its contact.")
            effect: Literal["changed", "none"] = "changed" if done.outcome == "changed" else "none"
            told = ContactTold(book=contact.book, client=client, version=done.version, effect=effect)
            return replied(told)

        return await once(request, front, None, content, work)
