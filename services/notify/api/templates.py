"""Templates of messages: which there are, and how one reads on made-up content before it is used."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from services.notify.api.edge import Front
from services.notify.domain.delivery import Purpose
from services.notify.wording import Audience, Language, TemplatesWrong, WordingFailed, Wordings
from services.notify.wording.language import SOURCE_CHARACTERS_MAX
from services.notify.wording.samples import sample_alerts, sample_survey
from services.notify.wording.sources import audience_of
from shared.problem import FieldError, Problem, answers
from shared.runtime.edge import READS
from shared.security.rights import requires

NOTICES_MAX = 100


class TemplateShown(BaseModel):
    """A template as it is used."""

    template: str = Field(description="Name, as each message keeps it")
    audience: Audience
    purpose: Purpose
    language: Language
    version: str = Field(description="Its own number and a digest of all that it is made of")
    source: str = Field(description="As it is written; a file of this name in TOCSIN_TEMPLATE_DIR replaces it")


class TemplateList(BaseModel):
    """All templates."""

    items: list[TemplateShown]


class PreviewAsked(BaseModel):
    """What to preview."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"purpose": "opened", "language": "en", "notices": 3}]}
    )

    purpose: Purpose = Field(description="Why the message is written")
    language: Language = Field(default="en", description="In which language")
    notices: int = Field(default=1, ge=1, le=NOTICES_MAX, description="Alerts in the message; of no use for a survey")
    occasion: Literal["loan_closed", "arrears_cured"] = Field(
        default="loan_closed", description="What a survey is about"
    )
    source: str | None = Field(
        default=None, max_length=SOURCE_CHARACTERS_MAX, description="A template to try instead of the one in use"
    )


class Preview(BaseModel):
    """How the message would read."""

    template: str
    version: str
    subject: str
    text: str
    html: str


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/templates`."""
    wordings = front.wordings

    @router.get("/templates", tags=["templates"], dependencies=[requires("messages:read")], responses=READS)
    async def list_templates() -> TemplateList:
        """List all templates with their versions and sources."""
        return TemplateList(
            items=[
                TemplateShown(
                    template=f"{audience}/{purpose}.{language}",
                    audience=audience,
                    purpose=purpose,
                    language=language,
                    version=version,
                    source=wordings.source_of(purpose, language),
                )
                for audience, purpose, language, version in wordings.templates()
            ]
        )

    @router.post(
        "/templates/preview",
        tags=["templates"],
        dependencies=[requires("messages:read")],
        responses=answers(401, 403, 422),
    )
    async def preview_template(body: Annotated[PreviewAsked, Body()]) -> Preview:
        """Write a message about made-up alerts or a made-up survey; nothing is sent and nothing kept. With a source,
        that template is tried; all that is wrong in it is told at once."""
        return _preview(wordings, body)


def _preview(wordings: Wordings, asked: PreviewAsked) -> Preview:
    survey = asked.purpose is Purpose.SURVEY
    content = sample_survey(asked.occasion) if survey else sample_alerts(asked.purpose, asked.notices)
    try:
        tried = wordings
        if asked.source is not None:
            tried = wordings.with_template(asked.purpose, asked.language, asked.source)
        written = tried.write(asked.purpose, audience_of(asked.purpose), asked.language, content)
    except TemplatesWrong as wrong:
        raise _refused(wrong.errors) from None
    except WordingFailed as failed:
        raise _refused([failed.reason]) from None
    return Preview(
        template=written.template,
        version=written.version,
        subject=written.subject,
        text=written.text,
        html=written.html,
    )


def _refused(errors: list[str]) -> Problem:
    fields = [FieldError(pointer="/source", detail=error) for error in errors]
    return Problem("template-wrong", 422, "The template cannot be used", errors[0], fields)
