"""Precision: how the alerts that each rule opened were judged."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.risk.api.edge import AnyBook, Front
from services.risk.store import requests
from services.risk.store.requests import RuleKey, Tally
from shared.runtime.edge import NAME_PATTERN, READS, CursorText, Limit, Name, Number, cursor_of, page_of, place_of
from shared.security.rights import requires


class PrecisionShown(BaseModel):
    """The verdicts on the alerts of one rule in one version of its policy; those withdrawn are not counted."""

    policy: str
    version: int
    indicator: str
    rule: str
    true: int = Field(description="Alerts that were worth giving")
    false: int = Field(description="Alerts that were not")
    unclear: int = Field(description="Alerts of which that cannot be said")
    unjudged: int = Field(description="Alerts without a verdict")
    precision: float | None = Field(description="true / (true + false); null while there is neither")


class PrecisionPage(BaseModel):
    """Rules by policy, version, indicator and id."""

    items: list[PrecisionShown]
    next: str | None = None


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/precision`."""

    @router.get("/precision", tags=["alerts"], dependencies=[requires("risk:read")], responses=READS)
    async def list_precision(
        book: AnyBook = None,
        policy: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this policy")] = None,
        indicator: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this indicator")] = None,
        cursor: CursorText = None,
        limit: Limit = 100,
    ) -> PrecisionPage:
        """List by rule how its alerts were judged. An alert counts for the rule and version that opened it, as its
        course stands now; of several verdicts on it the last one counts."""
        after = RuleKey(*place_of(cursor, tuple[Name, Number, Name, Name], ("", 0, "", "")))
        wanted = {"book": book, "policy": policy, "indicator": indicator}
        async with front.database.read() as tx:
            found = await requests.tallies(tx, wanted, after, limit + 1)
        page, following = page_of(found, limit, lambda last: cursor_of(*last.key))
        return PrecisionPage(items=[_shown(tally) for tally in page], next=following)


def _shown(tally: Tally) -> PrecisionShown:
    key, judged = tally.key, tally.true + tally.false
    return PrecisionShown(
        policy=key.policy,
        version=key.policy_version,
        indicator=key.indicator,
        rule=key.rule,
        true=tally.true,
        false=tally.false,
        unclear=tally.unclear,
        unjudged=tally.unjudged,
        precision=tally.true / judged if judged else None,
    )
