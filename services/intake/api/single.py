"""One fact in a request: together with those of other requests, or alone when the request has an idempotency key."""

from collections.abc import Callable

from fastapi import Request, Response

from services.intake.api.edge import Front, once
from services.intake.handlers.accept import accept_facts
from services.intake.handlers.facts_in import IncomingFact
from services.intake.handlers.outcomes import Outcome
from shared.db.port import Tx

Answer = Callable[[Outcome], Response]


async def take_single(
    request: Request, front: Front, key: str | None, content: bytes, fact: IncomingFact, answer: Answer
) -> Response:
    """Take a fact in and answer; `answer` raises a Problem for an outcome with which nothing was stored."""
    if key is None:
        return answer(await front.together.take(fact))

    async def work(tx: Tx) -> Response:
        await front.desk.take_room(tx, 1)
        # Its reply is remembered in the transaction that took it in.
        (outcome,) = await accept_facts(tx, front.desk, [fact], front.clock.now())
        return answer(outcome)

    return await once(request, front, key, content, work)
