"""The officer's page: verdicts and remarks on one alert, behind the link of a message about it (D21)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.feedback.api.edge import Front
from services.feedback.api.links import NOT_YET, PAGES, form_of, open_link
from services.feedback.domain.texts import COMMENT_LENGTH_MAX, TEXT_LENGTH_MAX, Wrong, shown_again, tidy
from services.feedback.domain.verdict import OUTCOMES, WORDS, Said, read_remark, read_verdict
from services.feedback.handlers.remarks import About, Author, leave_remark
from services.feedback.handlers.verdicts import give_verdict
from services.feedback.store import alerts, remarks
from services.feedback.store.alerts import AlertRow
from shared.db.port import Tx
from shared.page import Language, spoken_language
from shared.page.forms import Form
from shared.page.visits import SENDS, SHOWS, AcceptLanguage, LangQuery, TokenPath, Visit, form_body
from shared.security.rights import LINK, requires

PURPOSE = "alert"
SHOWN_MAX = 50
_ALERT_PAGE = "../../../../notify/v1/pages/alerts/"

Done = Annotated[str | None, Query(description="What was just recorded: verdict or remark")]


def add_routes(router: APIRouter, front: Front) -> None:
    """Add `/pages/alerts/{token}` with what is posted from it and from notify's page of the alert."""
    _add_show(router, front)
    _add_verdict(router, front)
    _add_remark(router, front)


def _add_show(router: APIRouter, front: Front) -> None:
    @router.get(
        "/pages/alerts/{token}",
        tags=["pages"],
        dependencies=[requires(LINK)],
        response_class=HTMLResponse,
        responses={**SHOWS, **NOT_YET},
    )
    async def show_alert(
        token: TokenPath, lang: LangQuery = None, done: Done = None, accept_language: AcceptLanguage = None
    ) -> HTMLResponse:
        """Show the verdicts and remarks on an alert."""
        visit = _visit(front, token, spoken_language(lang, accept_language), "")
        if isinstance(visit, HTMLResponse):
            return visit
        async with front.database.read() as tx:
            return await _page(tx, visit, {}, {}, done if done in ("verdict", "remark") else None)


def _add_verdict(router: APIRouter, front: Front) -> None:
    @router.post(
        "/pages/alerts/{token}/verdict",
        tags=["pages"],
        dependencies=[requires(LINK)],
        status_code=303,
        response_class=HTMLResponse,
        responses={**SENDS, **NOT_YET},
        openapi_extra=form_body(("verdict",), verdict="true", outcome="contacted", comment="three dealers"),
    )
    async def send_verdict(
        request: Request, token: TokenPath, lang: LangQuery = None, accept_language: AcceptLanguage = None
    ) -> Response:
        """Record a verdict of the link's holder; the page then shows it."""
        posted = await _posted(request, front, token, spoken_language(lang, accept_language))
        if isinstance(posted, HTMLResponse):
            return posted
        visit, form = posted
        said = read_verdict(form)
        async with front.database.transaction() as tx:
            if not isinstance(said, Said):
                return await _page(tx, visit, form, said)
            given = await give_verdict(tx, front.desk, visit.link.subject, visit.link.holder, said, "page")
            if given is None:
                return await _page(tx, visit, form, {})
        front.relay.ring()
        return _see(visit, "verdict")


def _add_remark(router: APIRouter, front: Front) -> None:
    @router.post(
        "/pages/alerts/{token}/remark",
        tags=["pages"],
        dependencies=[requires(LINK)],
        status_code=303,
        response_class=HTMLResponse,
        responses={**SENDS, **NOT_YET},
        openapi_extra=form_body(("text",), text="The dealers are being called."),
    )
    async def send_remark(
        request: Request, token: TokenPath, lang: LangQuery = None, accept_language: AcceptLanguage = None
    ) -> Response:
        """Record a remark of the link's holder; the page then shows it."""
        posted = await _posted(request, front, token, spoken_language(lang, accept_language))
        if isinstance(posted, HTMLResponse):
            return posted
        visit, form = posted
        text = read_remark(form)
        async with front.database.transaction() as tx:
            alert = await alerts.alert_with_id(tx, visit.link.subject)
            if alert is None or not isinstance(text, str):
                return await _page(tx, visit, form, {} if isinstance(text, str) else text)
            await leave_remark(tx, About(alert.book, "alert", alert.id), Author("staff", visit.link.holder), text)
        return _see(visit, "remark")


async def _posted(request: Request, front: Front, token: str, language: Language) -> tuple[Visit, Form] | HTMLResponse:
    """Return who posts and the form, or the page that says why it cannot be taken."""
    visit = _visit(front, token, language, "../")
    if isinstance(visit, HTMLResponse):
        return visit
    form = await form_of(request, front, language, visit.here)
    return form if isinstance(form, HTMLResponse) else (visit, form)


def _visit(front: Front, token: str, language: Language, up: str) -> Visit | HTMLResponse:
    link = open_link(front, PURPOSE, token, language, up + token)
    return link if isinstance(link, HTMLResponse) else Visit(link, token, language, up)


def _back(visit: Visit) -> str:
    """Return the address of notify's page of the alert."""
    return f"{visit.up}{_ALERT_PAGE}{visit.token}?lang={visit.language}"


def _see(visit: Visit, done: str) -> Response:
    """Send the browser to the page: there a reload sends nothing again."""
    address = f"{visit.here}?done={done}&lang={visit.language}"
    return RedirectResponse(address, 303, headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})


async def _page(tx: Tx, visit: Visit, form: Form, wrong: dict[str, Wrong], done: str | None = None) -> HTMLResponse:
    """Return the page of an alert; with a form, that form once more with what is wrong with it."""
    alert = await alerts.alert_with_id(tx, visit.link.subject)
    if alert is None:
        # The link is ours, so there is such an alert: it will be known here in a moment.
        page = PAGES.render(
            "said.html.j2", visit.language, 503, key="alert_unknown", here=visit.here, back=_back(visit)
        )
        page.headers["Retry-After"] = "2"
        return page
    verdicts = await alerts.verdicts_of(tx, alert.id, SHOWN_MAX)
    latest = {one.by: one.request for one in sorted(verdicts, key=lambda one: one.number)}
    typed = {name: "\n".join(form.get(name, ())) for name in ("verdict", "outcome", "comment", "text")}
    longest, most = (typed["text"], TEXT_LENGTH_MAX) if "text" in wrong else (typed["comment"], COMMENT_LENGTH_MAX)
    return PAGES.render(
        "alert.html.j2",
        visit.language,
        422 if wrong else 200,
        here=visit.here,
        back=_back(visit),
        done=done,
        wrong=wrong,
        facts={"length": len(tidy(longest)), "most": most},
        sentence=_sentence(alert, visit.language),
        verdicts=verdicts,
        standing=set(latest.values()),
        remarks=await remarks.remarks_on(tx, alert.book, "alert", alert.id, SHOWN_MAX),
        words=WORDS,
        outcomes=OUTCOMES,
        typed={name: shown_again(text) for name, text in typed.items()},
    )


def _sentence(alert: AlertRow, language: Language) -> str:
    return (alert.sentence_zh if language == "zh" else "") or alert.sentence
