"""Routes on which one fact is posted as a resource: the same edge for all of them."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.intake import metrics
from services.intake.api.documents import PROBLEMS_WRITE, body, example_without, replies, resource_schema
from services.intake.api.edge import Front, IdempotencyKey, invalid, read_bytes, replied
from services.intake.api.single import take_single
from services.intake.domain.findings import ID_PATTERN
from services.intake.handlers.facts_in import Refusal
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.resources import read_resource
from services.intake.handlers.shapes import FACT_BY_TYPE
from shared.problem import Problem
from shared.security.rights import requires

SubjectId = Annotated[str, Path(alias="id", pattern=ID_PATTERN, description="Id in the lender's own system")]
_STATUS = {"accepted": 201, "repeated": 200, "waiting": 202, "quarantined": 202}
_REPLIES = {
    201: ("Accepted: in the ledger", Outcome),
    200: ("Repeated: it was in the ledger already", Outcome),
    202: ("Kept: it waits for something not known yet, or for a person; see its reasons", Outcome),
}


def add_post(router: APIRouter, front: Front, path: str, fact_type: str, title: str, field: str = "") -> None:
    """Add a route that takes facts of one type; `field` is what `{id}` in the path fills in."""

    async def take(request: Request, told: dict[str, str], key: str | None) -> Response:
        content = await read_bytes(request, front)
        now = front.clock.now()
        fact = read_resource(fact_type, content, told, front.settings.default_source, now, front.desk.bounds)
        if isinstance(fact, Refusal):
            metrics.count_facts("http", [("refused", "")])
            raise invalid(fact.findings)

        return await take_single(request, front, key, content, fact, answered)

    async def post_inside(request: Request, subject: SubjectId, idempotency_key: IdempotencyKey = None) -> Response:
        return await take(request, {field: subject}, idempotency_key)

    async def post(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        return await take(request, {}, idempotency_key)

    router.add_api_route(
        path.replace("{id}", "{id:path}"),
        post_inside if field else post,
        methods=["POST"],
        status_code=201,
        summary=title,
        name=f"post {fact_type.removeprefix('tocsin.').removesuffix('.v1')}",
        description=FACT_BY_TYPE[fact_type].__doc__,
        tags=[path.split("/")[1]],
        dependencies=[requires("facts:write")],
        responses=replies(_REPLIES, *PROBLEMS_WRITE, *((404,) if field else ())),
        openapi_extra=body(resource_schema(fact_type, (field,) if field else ()), example_without(fact_type, field)),
    )


def answered(outcome: Outcome) -> Response:
    """Return the reply for one posted fact; Problem 409 or 422 when nothing was stored."""
    reason = outcome.reasons[0] if outcome.reasons else ""
    metrics.count_facts("http", [(outcome.outcome, reason)])
    if outcome.outcome == "conflict":
        raise conflict(outcome)
    if outcome.outcome == "refused":
        raise invalid(outcome.errors)
    return replied(outcome, _STATUS[outcome.outcome], f"/intake/v1/facts/{outcome.fact}")


def conflict(outcome: Outcome) -> Problem:
    """Return the refusal of a fact whose id was used for another."""
    detail = f"The id {outcome.id!r} of this source was used for another fact, {outcome.fact}."
    return Problem("id-reused", 409, "The id was used for another fact", detail)
