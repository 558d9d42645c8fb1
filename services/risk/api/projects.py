"""One project: its latest forecast, how far it slipped, its facts."""

from datetime import date

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.risk.api.edge import AsOf, BookQuery, Front, KnownAt, book_of
from services.risk.api.subjects import (
    AnomalyShown,
    FactShown,
    SubjectId,
    amount,
    anomalies_shown,
    facts_shown,
    then_of,
)
from services.risk.domain.project import ProjectView
from services.risk.handlers.read_subjects import Seen, anomalies_of, see_project
from services.risk.store import subjects
from shared.kernel.days import date_of
from shared.runtime.edge import READS_ONE, missing
from shared.security.rights import requires


class MilestoneShown(BaseModel):
    """A milestone at the close of a day."""

    milestone: str
    baseline: date | None = Field(description="The approved one: the first that was reported")
    rebaselined: date | None = Field(description="The latest one, when there was another after it")
    forecast: date | None
    actual: date | None
    cancelled: bool
    days_late: int | None = Field(description="From the approved baseline to its achievement, else to this day")


class ProjectShown(BaseModel):
    """A project at the close of a day."""

    project: str
    phase: str
    budget: str | None
    currency: str | None
    reports: int
    last_report: date | None
    forecast: date | None = Field(description="Latest forecast completion")
    forecast_before: date | None = Field(description="The last known one before the month of the latest")
    slip_days: int | None = Field(description="From that one to the latest")
    slip_since_first_days: int | None
    milestones: list[MilestoneShown]


class ProjectTold(ProjectShown):
    """A project in full."""

    book: str
    client: str
    as_of: date
    attributes: dict[str, str]
    degraded: bool
    facts: list[FactShown]
    anomalies: list[AnomalyShown]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/projects`."""

    @router.get("/projects/{id:path}", tags=["subjects"], dependencies=[requires("risk:read")], responses=READS_ONE)
    async def get_project(
        project: SubjectId, book: BookQuery, as_of: AsOf = None, known_at: KnownAt = None
    ) -> ProjectTold:
        """Show a project as at the close of a day, from the facts that were known at a moment."""
        async with front.database.read() as tx:
            terms = (await book_of(tx, book)).terms
            seen = await see_project(tx, terms, project, then_of(as_of, known_at))
            if seen is None:
                raise missing("project", project)
            client = await subjects.client_row(tx, book, seen.client)
            odd = await anomalies_of(tx, "project", book, project)
        return ProjectTold(
            **project_shown(seen).model_dump(),
            book=book,
            client=seen.client,
            as_of=date_of(seen.as_of),
            attributes=seen.attributes,
            degraded=client is not None and client.degraded,
            facts=facts_shown(seen.told),
            anomalies=anomalies_shown(odd),
        )


def project_shown(seen: Seen) -> ProjectShown:
    """Return a project."""
    view = seen.view
    assert isinstance(view, ProjectView)
    return ProjectShown(
        project=seen.name,
        phase=view.phase,
        budget=None if view.budget_minor is None else amount(view.budget_minor, view.currency),
        currency=view.currency or None,
        reports=view.reports,
        last_report=view.last_report,
        forecast=view.forecast,
        forecast_before=view.forecast_before,
        slip_days=view.slip_days,
        slip_since_first_days=view.slip_since_first_days,
        milestones=[MilestoneShown(**msgspec.structs.asdict(one)) for one in view.milestones],
    )
