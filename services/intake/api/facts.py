"""Facts as CloudEvents, one or many, and what became of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.intake import metrics
from services.intake.api.documents import PROBLEMS_READ, PROBLEMS_WRITE, bodies, event_schema, example_event, replies
from services.intake.api.edge import (
    Front,
    IdempotencyKey,
    invalid,
    once,
    printable,
    read_bytes,
    refuse_unknown_parameters,
    replied,
)
from services.intake.api.resources import conflict
from services.intake.api.single import take_single
from services.intake.domain.findings import ID_LENGTH_MAX, SOURCE_LENGTH_MAX
from services.intake.handlers.accept import accept_facts
from services.intake.handlers.explaining import explain_wrong
from services.intake.handlers.facts_in import WRONG, IncomingFact, Refusal, read_event
from services.intake.handlers.outcomes import Outcome, refused
from services.intake.handlers.telling import FactTold, find_fact
from shared.db.port import Tx
from shared.problem import Problem
from shared.security.rights import requires

ONE, BATCH, LINES = "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"
_OUTCOMES = ("accepted", "repeated", "waiting", "quarantined", "refused", "conflict")
_decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode


# Items are not described as events here, because one that is none is answered for itself and refuses nothing else.
_BATCH_SCHEMA = {"type": "array", "description": f"Events, each as in {ONE}"}
_EXAMPLE = example_event("tocsin.repayment.received.v1")
_LINES_SCHEMA = {"type": "string", "description": f"Events, one per line, each as in {ONE}"}


class FactsAnswer(msgspec.Struct, gc=False, kw_only=True):
    """What became of each fact, in order, and how many of each."""

    items: list[Outcome]
    accepted: int
    repeated: int
    waiting: int
    quarantined: int
    refused: int
    conflict: int


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the routes under `/facts`."""

    @router.post(
        "/facts",
        summary="Send facts",
        tags=["facts"],
        dependencies=[requires("facts:write")],
        responses=replies(
            {
                200: ("What became of each fact, in order", FactsAnswer),
                202: ("A single fact is kept: it waits for something not known yet, or for a person", FactsAnswer),
            },
            *PROBLEMS_WRITE,
        ),
        openapi_extra=bodies(
            {
                ONE: (event_schema(), _EXAMPLE),
                BATCH: (_BATCH_SCHEMA, [_EXAMPLE]),
                LINES: (_LINES_SCHEMA, msgspec.json.encode(_EXAMPLE).decode() + "\n"),
            }
        ),
    )
    async def post_facts(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Take one CloudEvent, a batch of them, or one per line; each is answered for itself.

        A single fact that is malformed is a 422, one whose id was used for another a 409; in a batch they are items.
        """
        content = await read_bytes(request, front, (ONE, BATCH, LINES))
        raw = _cut(request, content, front.settings.max_batch_facts)
        if request.headers["content-type"].lower().startswith(ONE):
            return await _take_one(request, front, content, idempotency_key)
        return await _take_many(request, front, content, raw, idempotency_key)

    @router.get(
        "/facts/{id:path}",
        summary="See what became of a fact",
        tags=["facts"],
        dependencies=[requires("facts:read"), Depends(refuse_unknown_parameters)],
        responses=replies({200: ("What became of it", FactTold)}, *PROBLEMS_READ, 404, 409),
    )
    async def get_fact(
        identity: Annotated[
            str,
            Path(alias="id", min_length=1, max_length=ID_LENGTH_MAX, description="The producer's id, or the event id"),
        ],
        source: Annotated[
            str | None,
            Query(
                min_length=1, max_length=SOURCE_LENGTH_MAX, description="Who said so, where several used the same id"
            ),
        ] = None,
    ) -> Response:
        """Tell by the producer's id, or by the event id that was answered when it was sent."""
        printable(id=identity, source=source)
        async with front.database.read() as tx:
            facts = (await find_fact(tx, identity, source)).facts
        if not facts:
            raise Problem("unknown-fact", 404, "No such fact", "It was never received, or refused when it was sent.")
        if len(facts) > 1:
            sources = ", ".join(sorted({fact.source for fact in facts}))
            raise Problem("ambiguous-id", 409, "Several facts have this id", f"Add ?source=, one of: {sources}.")
        return replied(facts[0])


def _cut(request: Request, content: bytes, items_max: int) -> Sequence[bytes | msgspec.Raw]:
    """Return the events of a batch as they lie in the body; Problem 400 or 413."""
    kind = request.headers["content-type"].lower()
    if kind.startswith(BATCH):
        try:
            raw: Sequence[bytes | msgspec.Raw] = _decode_batch(content)
        except WRONG as error:
            wrong = explain_wrong(str(error))
            raise Problem("malformed-json", 400, "The body is not a JSON array", wrong) from None
    elif kind.startswith(LINES):
        raw = [line for line in content.split(b"\n") if line.strip()]
    else:
        raw = [content]
    if len(raw) > items_max:
        raise Problem("too-many-facts", 413, "Too many facts", f"At most {items_max} facts in one request.")
    return raw


async def _take_one(request: Request, front: Front, content: bytes, key: str | None) -> Response:
    fact = read_event(content, front.clock.now(), front.desk.bounds)
    if isinstance(fact, Refusal):
        metrics.count_facts("http", [("refused", "")])
        raise invalid(fact.findings)
    return await take_single(request, front, key, content, fact, _answer_one)


def _answer_one(outcome: Outcome) -> Response:
    _count([outcome])
    if outcome.outcome == "conflict":
        raise conflict(outcome)
    if outcome.outcome == "refused":
        raise invalid(outcome.errors)
    kept = outcome.outcome in ("waiting", "quarantined")
    return replied(_answer([outcome]), 202 if kept else 200)


async def _take_many(
    request: Request, front: Front, content: bytes, raw: Sequence[bytes | msgspec.Raw], key: str | None
) -> Response:
    """Take facts in, so many per transaction; the last one also remembers the reply under the idempotency key.

    After a crash between two transactions the same request goes through the first ones again, where all is repeated.
    Room in the outbox is taken for all of it at once: where there is none, nothing of the request is stored.
    """
    size = front.settings.transaction_facts
    parts = [raw[start : start + size] for start in range(0, len(raw), size)] or [[]]
    outcomes: list[Outcome] = []
    for number, part in enumerate(parts[:-1]):
        read = _read(front, part)
        async with front.database.transaction() as tx:
            if number == 0:
                await front.desk.take_room(tx, len(raw))
            told = await _accept(tx, front, read)
        front.bell.ring()
        _count(told)
        outcomes += told
        await asyncio.sleep(0)
    read = _read(front, parts[-1])
    last: list[Outcome] = []

    async def work(tx: Tx) -> Response:
        if len(parts) == 1:
            await front.desk.take_room(tx, len(raw))
        last[:] = await _accept(tx, front, read)
        return replied(_answer(outcomes + last))

    response = await once(request, front, key, content, work)
    _count(last)
    return response


def _read(front: Front, part: Sequence[bytes | msgspec.Raw]) -> list[IncomingFact | Refusal]:
    now, bounds = front.clock.now(), front.desk.bounds
    return [read_event(one, now, bounds) for one in part]


async def _accept(tx: Tx, front: Front, read: Sequence[IncomingFact | Refusal]) -> list[Outcome]:
    understood = [one for one in read if isinstance(one, IncomingFact)]
    told = iter(await accept_facts(tx, front.desk, understood, front.clock.now()) if understood else ())
    return [refused(one) if isinstance(one, Refusal) else next(told) for one in read]


def _answer(outcomes: list[Outcome]) -> FactsAnswer:
    counts: dict[str, Any] = dict.fromkeys(_OUTCOMES, 0)
    counts.update(Counter(one.outcome for one in outcomes))
    return FactsAnswer(items=outcomes, **counts)


def _count(outcomes: Sequence[Outcome]) -> None:
    metrics.count_facts("http", [(one.outcome, one.reasons[0] if one.reasons else "") for one in outcomes])
