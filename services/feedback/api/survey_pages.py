"""The client's page: one survey behind a one-time link (D21). Looking records nothing; sending records once."""

from calendar import month_name
from datetime import datetime
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.feedback.api.edge import Front
from services.feedback.api.links import PAGES, form_of, open_link, refused
from services.feedback.domain.answer import Answer, read_answer
from services.feedback.domain.texts import TEXT_LENGTH_MAX, Wrong, shown_again, tidy
from services.feedback.handlers.answering import answer_survey
from services.feedback.store import contacts, surveys
from services.feedback.store.surveys import State, SurveyRow
from shared.db.port import Tx
from shared.page import Language, spoken_language
from shared.page.forms import Form
from shared.page.visits import SENDS, SHOWS, AcceptLanguage, LangQuery, TokenPath, form_body
from shared.security.rights import LINK, requires

PURPOSE = "survey"


class Visit(NamedTuple):
    """A survey that a link opens, and the language of its page."""

    survey: SurveyRow
    language: Language


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/pages/surveys/{token}`."""

    @router.get(
        "/pages/surveys/{token}",
        tags=["pages"],
        dependencies=[requires(LINK)],
        response_class=HTMLResponse,
        responses=SHOWS,
    )
    async def show_survey(
        token: TokenPath, lang: LangQuery = None, accept_language: AcceptLanguage = None
    ) -> HTMLResponse:
        """Show a client the questions."""
        spoken = spoken_language(lang, accept_language)
        link = open_link(front, PURPOSE, token, spoken)
        if isinstance(link, HTMLResponse):
            return link
        async with front.database.read() as tx:
            visit = await _visit(tx, link.subject, link.holder, lang, spoken)
        if isinstance(visit, HTMLResponse):
            return visit
        return _form(visit, {}, {}, 200)

    @router.post(
        "/pages/surveys/{token}",
        tags=["pages"],
        dependencies=[requires(LINK)],
        response_class=HTMLResponse,
        responses=SENDS,
        openapi_extra=form_body(csat="4", nps="9", text="All went well."),
    )
    async def send_survey(
        request: Request,
        token: TokenPath,
        lang: LangQuery = None,
        accept_language: AcceptLanguage = None,
    ) -> HTMLResponse:
        """Record a client's answer, once."""
        spoken = spoken_language(lang, accept_language)
        link = open_link(front, PURPOSE, token, spoken)
        if isinstance(link, HTMLResponse):
            return link
        form = await form_of(request, front, spoken)
        if isinstance(form, HTMLResponse):
            return form
        said = read_answer(form)
        async with front.database.transaction() as tx:
            visit = await _visit(tx, link.subject, link.holder, lang, spoken)
            if isinstance(visit, HTMLResponse):
                return visit
            if not isinstance(said, Answer):
                return _form(visit, form, said, 422)
            recorded = await answer_survey(tx, front.desk, visit.survey, said)
        if not recorded:
            return _used(visit.language)
        front.relay.ring()
        return PAGES.render("said.html.j2", visit.language, key="thanks")


async def _visit(tx: Tx, survey: str, holder: str, lang: str | None, spoken: Language) -> Visit | HTMLResponse:
    """Return the survey that a link is about, or the page that says why it cannot be answered."""
    row = await surveys.survey_with_id(tx, survey)
    if row is None or row.client != holder or row.state not in (State.INVITED, State.ANSWERED):
        return refused("gone", spoken)
    language = spoken
    if lang is None and (known := await contacts.language_of(tx, row.book, row.client)):
        language = spoken_language(known, None)
    if row.state == State.ANSWERED:
        return _used(language)
    return Visit(row, language)


def _used(language: Language) -> HTMLResponse:
    return refused("used", language)


def _form(visit: Visit, form: Form, wrong: dict[str, Wrong], status: int) -> HTMLResponse:
    text = "\n".join(form.get("text", ()))
    expires_at = visit.survey.expires_at
    assert expires_at is not None, "an invitation expires"
    return PAGES.render(
        "survey.html.j2",
        visit.language,
        status,
        wrong=wrong,
        facts={"most": TEXT_LENGTH_MAX, "length": len(tidy(text))},
        occasion=visit.survey.occasion,
        loan=visit.survey.loan,
        last_day=_day(expires_at, visit.language),
        csat=_last(form, "csat"),
        nps=_last(form, "nps"),
        text=shown_again(text),
    )


def _last(form: Form, name: str) -> str:
    return form.get(name, [""])[-1]


def _day(moment: datetime, language: Language) -> str:
    """Return a day as people write it."""
    if language == "zh":
        return f"{moment.year}年{moment.month}月{moment.day}日"
    return f"{moment.day} {month_name[moment.month]} {moment.year}"
